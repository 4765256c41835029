//! Loads models on first use, and evicts the least recently used ones to stay within the memory budget.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::model_folder::Kind;
use crate::config::{Device, ModelEntry};
use crate::engine::Engine;
use crate::error::Error;
use crate::media::image::PixelConfig;

use super::blip::pixel_config;
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
    /// How models want their pixels, by kind.
    views: BTreeMap<&'static str, Option<PixelConfig>>,
}

/// Gives a loaded model, loading it first if need be. A macro, since it borrows one field and evicts from the others.
macro_rules! get {
    ($models:ident, $kind:ident, $model:ty, $command:expr) => {{
        const KIND: &str = stringify!($kind);
        $models.budget.settle();
        loop {
            let fresh = $models.$kind.is_none();
            if fresh {
                let loader = $models.loader($models.device.$kind.clone(), KIND, $command)?;
                $models.budget.open(KIND, &loader)?;
                $models.make_room(KIND);
                let before = $models.budget.begin();
                $models.$kind = Some(<$model>::load(loader)?);
                $models.budget.loaded(KIND, before);
            }
            $models.make_room(KIND);
            if !$models.budget.exceeded() {
                break;
            }
            let refusal = $models.budget.refusal(KIND);
            $models.unload(KIND);
            // What grew with earlier inputs is given back by loading anew.
            if let Some(refusal) = refusal.filter(|_| fresh) {
                return Err(refusal);
            }
        }
        $models.budget.start(KIND);
        let missing = $models.no_model(KIND, $command);
        $models.$kind.as_ref().ok_or(missing)
    }};
}

impl Models {
    /// Nothing is loaded yet.
    pub fn new(engine: Arc<Engine>, device: Device) -> Self {
        let budget = Budget::new(device.runtime.memory_budget);
        Models { engine, device, budget, whisper: None, blip: None, student: None, vad: None, views: BTreeMap::new() }
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
    pub fn whisper(&mut self, command: &'static str) -> Result<&Whisper, Error> {
        get!(self, whisper, Whisper, command)
    }

    /// The Whisper model, and the voice activity detector where the device has one and `vad` asks for it.
    ///
    /// # Errors
    /// As [`Models::whisper`] and [`Models::vad`].
    pub fn whisper_and_vad(&mut self, vad: bool, command: &'static str) -> Result<(&Whisper, Option<&Vad>), Error> {
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
        let whisper = self.whisper.as_ref().ok_or(missing)?;
        Ok((whisper, self.vad.as_ref().filter(|_| vad)))
    }

    /// The BLIP or BLIP-2 model; `command` is named in the error when there is none.
    ///
    /// # Errors
    /// [`Error`] when the device has none or it cannot be loaded.
    pub fn blip(&mut self, command: &'static str) -> Result<&PictureModel, Error> {
        get!(self, blip, PictureModel, command)
    }

    /// The student; `command` is named in the error when there is none.
    ///
    /// # Errors
    /// [`Error`] when the device has none or it cannot be loaded.
    pub fn student(&mut self, command: &'static str) -> Result<&Student, Error> {
        get!(self, student, Student, command)
    }

    /// The voice activity detector; `command` is named in the error when there is none.
    ///
    /// # Errors
    /// [`Error`] when the device has none or it cannot be loaded.
    pub fn vad(&mut self, command: &'static str) -> Result<&Vad, Error> {
        get!(self, vad, Vad, command)
    }

    /// How the BLIP model's vision encoder wants its pixels; `None` for a folder of another kind. Loads no graph.
    ///
    /// # Errors
    /// [`Error`] when the device has none or its folder cannot be read.
    pub fn blip_view(&mut self, command: &'static str) -> Result<Option<PixelConfig>, Error> {
        self.view("blip", self.device.blip.clone(), command)
    }

    /// How the student wants its pixels; `None` where it takes no picture. Loads no graph.
    ///
    /// # Errors
    /// [`Error`] when the device has none or its folder cannot be read.
    pub fn student_view(&mut self, command: &'static str) -> Result<Option<PixelConfig>, Error> {
        self.view("student", self.device.student.clone(), command)
    }

    fn view(
        &mut self,
        kind: &'static str,
        entry: Option<ModelEntry>,
        command: &'static str,
    ) -> Result<Option<PixelConfig>, Error> {
        if let Some(view) = self.views.get(kind) {
            return Ok(*view);
        }
        let view = match &self.loader(entry, kind, command)?.folder().kind {
            Kind::Blip(spec) => Some(pixel_config(&spec.image)),
            Kind::Blip2(spec) => Some(pixel_config(&spec.image)),
            Kind::Student(spec) => spec.image.as_ref().map(pixel_config),
            _ => None,
        };
        self.views.insert(kind, view);
        Ok(view)
    }

    /// Makes room for an input that takes `bytes` and is held by no model: unloads the least recently used ones, where that
    /// helps. Returns the bytes that it may take, [`u64::MAX`] without a budget.
    pub fn make_room_for_input(&mut self, bytes: u64) -> u64 {
        self.budget.settle();
        loop {
            let (now, at_most) = self.budget.free();
            // An input that does not fit alone unloads nothing.
            let victim = self.budget.least_recent().filter(|_| now < bytes && bytes <= at_most);
            match victim {
                Some(victim) => self.unload(victim),
                None => return if bytes <= at_most { now } else { now.max(at_most) },
            }
        }
    }

    /// A record is done: what its models took is noted. Returns what the record's result should say about it.
    pub fn settle(&mut self) -> Vec<String> {
        self.budget.settle();
        self.budget.take_warnings()
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
