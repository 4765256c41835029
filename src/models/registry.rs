//! Loads models when they are first used, and gives back the least recently used ones to stay in the memory budget.

use std::sync::Arc;

use crate::config::{Device, ModelEntry};
use crate::engine::Engine;
use crate::error::Error;

use super::loader::Loader;
use super::memory::Budget;
use super::pictures::PictureModel;
use super::student::Student;
use super::vad::Vad;
use super::whisper::Whisper;

/// The models of a device.
pub struct Models {
    engine: Arc<Engine>,
    device: Device,
    budget: Budget,
    whisper: Option<Whisper>,
    blip: Option<PictureModel>,
    student: Option<Student>,
    vad: Option<Vad>,
}

/// Gives a loaded model, loading it first if need be. A macro, since it borrows one field and evicts from the others.
macro_rules! get {
    ($models:ident, $kind:ident, $model:ty, $command:expr) => {{
        const KIND: &str = stringify!($kind);
        $models.budget.settle()?;
        if $models.$kind.is_none() {
            let loader = $models.loader($models.device.$kind.clone(), KIND, $command)?;
            $models.budget.open(KIND, &loader)?;
            $models.make_room(KIND);
            let before = $models.budget.begin();
            $models.$kind = Some(<$model>::load(loader)?);
            $models.budget.loaded(KIND, before);
        }
        $models.make_room(KIND);
        if $models.budget.exceeded() {
            let refusal = $models.budget.refusal(KIND);
            $models.unload(KIND);
            if let Some(refusal) = refusal {
                return Err(refusal);
            }
        }
        $models.budget.start(KIND);
        let missing = $models.no_model(KIND, $command);
        $models.$kind.as_mut().ok_or(missing)
    }};
}

impl Models {
    /// Nothing is loaded yet.
    pub fn new(engine: Arc<Engine>, device: Device) -> Self {
        let budget = Budget::new(device.runtime.memory_budget);
        Models { engine, device, budget, whisper: None, blip: None, student: None, vad: None }
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// ONNX Runtime.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// The Whisper model; `command` is named in the error when there is none.
    ///
    /// # Errors
    /// [`Error`] when the device has none or it cannot be loaded.
    pub fn whisper(&mut self, command: &'static str) -> Result<&mut Whisper, Error> {
        get!(self, whisper, Whisper, command)
    }

    /// The Whisper model, and the voice activity detector where the device has one and `vad` asks for it.
    ///
    /// # Errors
    /// As [`Models::whisper`] and [`Models::vad`].
    pub fn whisper_and_vad(
        &mut self,
        vad: bool,
        command: &'static str,
    ) -> Result<(&mut Whisper, Option<&mut Vad>), Error> {
        let vad = vad && self.device.vad.is_some();
        self.whisper(command)?;
        if vad {
            self.vad(command)?;
            // A budget with room for one of them only has taken Whisper out again, or takes the detector out now.
            self.whisper(command)?;
            if self.vad.is_none()
                && let Some(refusal) = self.budget.refusal("whisper")
            {
                return Err(refusal);
            }
        }
        let missing = self.no_model("whisper", command);
        let whisper = self.whisper.as_mut().ok_or(missing)?;
        Ok((whisper, self.vad.as_mut().filter(|_| vad)))
    }

    /// The BLIP or BLIP-2 model; `command` is named in the error when there is none.
    ///
    /// # Errors
    /// [`Error`] when the device has none or it cannot be loaded.
    pub fn blip(&mut self, command: &'static str) -> Result<&mut PictureModel, Error> {
        get!(self, blip, PictureModel, command)
    }

    /// The student; `command` is named in the error when there is none.
    ///
    /// # Errors
    /// [`Error`] when the device has none or it cannot be loaded.
    pub fn student(&mut self, command: &'static str) -> Result<&mut Student, Error> {
        get!(self, student, Student, command)
    }

    /// The voice activity detector; `command` is named in the error when there is none.
    ///
    /// # Errors
    /// [`Error`] when the device has none or it cannot be loaded.
    pub fn vad(&mut self, command: &'static str) -> Result<&mut Vad, Error> {
        get!(self, vad, Vad, command)
    }

    fn loader(&self, entry: Option<ModelEntry>, kind: &'static str, command: &'static str) -> Result<Loader, Error> {
        let entry = entry.ok_or_else(|| self.no_model(kind, command))?;
        Loader::new(self.engine.clone(), &entry)
    }

    fn no_model(&self, kind: &'static str, command: &'static str) -> Error {
        Error::NoModel { config: self.device.path.clone(), kind, command }
    }

    /// Unloads the least recently used models until `kind` fits.
    fn make_room(&mut self, kind: &'static str) {
        while let Some(victim) = self.budget.victim(kind) {
            self.unload(victim);
        }
    }

    fn unload(&mut self, kind: &'static str) {
        match kind {
            "whisper" => self.whisper = None,
            "blip" => self.blip = None,
            "student" => self.student = None,
            _ => self.vad = None,
        }
        self.budget.closed(kind);
    }
}
