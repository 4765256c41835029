//! Loads models when they are first used, and gives back the least recently used ones to stay in the memory budget.

use std::sync::Arc;

use crate::config::{Device, ModelEntry};
use crate::engine::Engine;
use crate::error::Error;

use super::loader::Loader;
use super::pictures::PictureModel;
use super::student::Student;
use super::vad::Vad;
use super::whisper::Whisper;

/// The models of a device.
pub struct Models {
    engine: Arc<Engine>,
    device: Device,
    clock: u64,
    whisper: Slot<Whisper>,
    blip: Slot<PictureModel>,
    student: Slot<Student>,
    vad: Slot<Vad>,
}

/// A model that is loaded or not.
struct Slot<M> {
    loaded: Option<M>,
    bytes: u64,
    last_used: u64,
}

impl<M> Slot<M> {
    const EMPTY: Self = Slot { loaded: None, bytes: 0, last_used: 0 };

    /// When it was last used and what it takes, if it is loaded.
    fn use_and_bytes(&self) -> Option<(u64, u64)> {
        self.loaded.is_some().then_some((self.last_used, self.bytes))
    }
}

/// Gives a loaded model, loading it first if need be. A macro, since it borrows one field and evicts from the others.
macro_rules! get {
    ($models:ident, $kind:ident, $model:ty, $command:expr) => {{
        $models.clock += 1;
        if $models.$kind.loaded.is_none() {
            let entry = $models.device.$kind.clone();
            let loader = $models.loader(entry, stringify!($kind), $command)?;
            let bytes = loader.graph_bytes();
            $models.make_room(bytes, &loader)?;
            $models.$kind.loaded = Some(<$model>::load(loader)?);
            $models.$kind.bytes = bytes;
        }
        $models.$kind.last_used = $models.clock;
        let missing = $models.no_model(stringify!($kind), $command);
        $models.$kind.loaded.as_mut().ok_or(missing)
    }};
}

impl Models {
    /// Nothing is loaded yet.
    pub fn new(engine: Arc<Engine>, device: Device) -> Self {
        Models {
            engine,
            device,
            clock: 0,
            whisper: Slot::EMPTY,
            blip: Slot::EMPTY,
            student: Slot::EMPTY,
            vad: Slot::EMPTY,
        }
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
            // A budget with room for one of them only has taken Whisper out again.
            self.whisper(command)?;
        }
        let missing = self.no_model("whisper", command);
        let whisper = self.whisper.loaded.as_mut().ok_or(missing)?;
        Ok((whisper, self.vad.loaded.as_mut().filter(|_| vad)))
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

    /// Unloads the least recently used models until `needed` more bytes fit.
    fn make_room(&mut self, needed: u64, loader: &Loader) -> Result<(), Error> {
        let Some(budget) = self.device.runtime.memory_budget else { return Ok(()) };
        loader.check_budget(Some(budget))?;
        loop {
            let slots = [
                self.whisper.use_and_bytes(),
                self.blip.use_and_bytes(),
                self.student.use_and_bytes(),
                self.vad.use_and_bytes(),
            ];
            let loaded = slots.iter().flatten().fold(0, |sum: u64, (_, bytes)| sum.saturating_add(*bytes));
            if loaded.saturating_add(needed) <= budget.bytes() {
                return Ok(());
            }
            match slots.iter().enumerate().filter_map(|(i, slot)| slot.map(|(used, _)| (used, i))).min() {
                Some((_, 0)) => self.whisper = Slot::EMPTY,
                Some((_, 1)) => self.blip = Slot::EMPTY,
                Some((_, 2)) => self.student = Slot::EMPTY,
                Some(_) => self.vad = Slot::EMPTY,
                None => return Ok(()),
            }
            log::debug!("unloaded a model to stay within the memory budget of {budget}");
        }
    }
}
