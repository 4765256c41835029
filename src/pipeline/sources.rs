//! The files of one record, each read once however many steps want it, also when it cannot be read.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;

use image::RgbImage;

use super::record::Record;
use crate::config::Ffmpeg;
use crate::error::Error;
use crate::media;
use crate::media::audio::AudioFile;

/// Picture and sound of a record, decoded when first wanted.
pub(super) struct Sources<'a> {
    record: &'a Record,
    sound: Option<AudioFile>,
    image: Option<Result<RgbImage, String>>,
    audio: BTreeMap<u32, Result<Vec<f32>, String>>,
    warnings: Vec<String>,
}

impl<'a> Sources<'a> {
    pub fn new(record: &'a Record, ffmpeg: &Ffmpeg) -> Self {
        let sound = record.audio.as_ref().map(|path| AudioFile::new(path).with_ffmpeg(ffmpeg.clone()));
        Sources { record, sound, image: None, audio: BTreeMap::new(), warnings: Vec::new() }
    }

    pub fn has_image(&self) -> bool {
        self.record.image.is_some()
    }

    /// The picture's file; `None` when the record has none.
    pub fn image_path(&self) -> Option<&'a Path> {
        self.record.image.as_deref()
    }

    pub fn has_audio(&self) -> bool {
        self.record.audio.is_some()
    }

    /// The picture; `None` when the record has none.
    pub fn image(&mut self) -> Result<Option<&RgbImage>, Error> {
        self.both(true, None).map(|(image, _)| image)
    }

    /// The recording's file, for steps that read it block by block; `None` when the record has none.
    pub fn audio_file(&self) -> Option<&AudioFile> {
        self.sound.as_ref()
    }

    /// Adds lines about `path` to the record's warnings; several steps that read one file report it once.
    pub fn warn(&mut self, path: &Path, warnings: impl IntoIterator<Item = impl Display>) {
        for warning in warnings {
            let line = format!("{}: {warning}", path.display());
            if !self.warnings.contains(&line) {
                self.warnings.push(line);
            }
        }
    }

    /// The warnings of all steps.
    pub fn into_warnings(self) -> Vec<String> {
        self.warnings
    }

    /// Picture and sound together, each where it is wanted and there.
    pub fn both(&mut self, image: bool, rate: Option<u32>) -> Result<(Option<&RgbImage>, Option<&[f32]>), Error> {
        if let (true, None, Some(path)) = (image, &self.image, &self.record.image) {
            let loaded = media::image::load(path);
            self.image = Some(loaded.map_err(|source| Error::Image { path: path.clone(), source }.to_string()));
        }
        if let (Some(rate), Some(file)) = (rate, &self.sound) {
            if !self.audio.contains_key(&rate) {
                let mut warnings = Vec::new();
                let loaded = file.load(rate, &mut warnings);
                let loaded =
                    loaded.map_err(|source| Error::Audio { path: file.path().to_path_buf(), source }.to_string());
                let path = file.path().to_path_buf();
                self.warn(&path, warnings);
                self.audio.insert(rate, loaded);
            }
        }
        let image = self.image.as_ref().filter(|_| image).map(known).transpose()?;
        let audio = rate.and_then(|rate| self.audio.get(&rate)).map(known).transpose()?;
        Ok((image, audio.map(Vec::as_slice)))
    }
}

/// What was loaded, or the error of the first attempt.
fn known<T>(loaded: &Result<T, String>) -> Result<&T, Error> {
    loaded.as_ref().map_err(|problem| Error::Input { problem: problem.clone() })
}
