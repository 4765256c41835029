//! The files of one record. Each is read at most once, however many steps need it.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;
use std::time::{Duration, Instant};

use super::media::{Picture, Sound};
use super::record::Record;
use crate::config::Media;
use crate::error::Error;
use crate::media::audio::{AudioFile, Recording};
use crate::media::image::{PixelConfig, Pixels, RgbImage, pixels};
use crate::models::Models;
use crate::models::chat::Attachment;

/// Picture and sound of a record, decoded on first use. Only the preprocessed pixels of a picture are kept.
pub(super) struct Sources<'a> {
    record: &'a Record,
    sound: Option<AudioFile>,
    /// Preprocessing of all steps' models.
    views: Vec<PixelConfig>,
    pictures: Vec<(PixelConfig, Result<Pixels, String>)>,
    audio: BTreeMap<u32, Result<Vec<f32>, String>>,
    warnings: Vec<String>,
}

impl<'a> Sources<'a> {
    /// `views` are the preprocessing settings of all models that need the picture, so that it is decoded only once.
    pub fn new(record: &'a Record, views: Vec<PixelConfig>, media: &Media) -> Result<Self, Error> {
        let sound = record.audio.as_ref().map(|sound| {
            let named = |source| Error::Audio { path: sound.name().into(), source };
            sound.open(media).map_err(named)
        });
        let sound = sound.transpose()?;
        Ok(Sources { record, sound, views, pictures: Vec::new(), audio: BTreeMap::new(), warnings: Vec::new() })
    }

    pub fn has_image(&self) -> bool {
        self.record.image.is_some()
    }

    /// The record's picture.
    pub fn image(&self) -> Option<&'a Picture> {
        self.record.image.as_ref()
    }

    pub fn has_audio(&self) -> bool {
        self.record.audio.is_some()
    }

    /// Decodes the picture for `view`, unless that was done before; returns the time it took. Called before a model is
    /// leased: the memory for decoding does not count towards the model, and must fit beside it or in its place.
    pub fn read_picture(&mut self, models: &Models, view: &PixelConfig) -> Duration {
        let Some(picture) = &self.record.image else { return Duration::ZERO };
        if self.pictures.iter().any(|(known, _)| known == view) {
            return Duration::ZERO;
        }
        let started = Instant::now();
        let mut views = self.views.clone();
        if !views.contains(view) {
            views.push(*view);
        }
        let mut warnings = Vec::new();
        let all = |image: &RgbImage| views.iter().map(|view| (*view, Ok(pixels(image, view)))).collect::<Vec<_>>();
        let read = picture.decoded(models, &mut warnings).map(|image| all(&image));
        self.warn(Path::new(&picture.name()), warnings);
        match read.map_err(|error| error.to_string()) {
            Ok(pictures) => self.pictures.extend(pictures),
            Err(problem) => self.pictures.extend(views.into_iter().map(|view| (view, Err(problem.clone())))),
        }
        started.elapsed()
    }

    /// The picture read by [`Sources::read_picture`]; `None` if the record has none.
    pub fn picture(&self, view: &PixelConfig) -> Result<Option<&Pixels>, Error> {
        self.pictures.iter().find(|(known, _)| known == view).map(|(_, picture)| known(picture)).transpose()
    }

    /// The recording, for steps that read it block by block; `None` if the record has none.
    pub fn audio_file(&self) -> Option<&AudioFile> {
        self.sound.as_ref()
    }

    /// Adds warnings about `path` to the record; several steps that read the same file report each once.
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

    /// The sound as mono samples at `rate` Hz, at most `seconds` long; `None` if the record has none.
    pub fn sound(&mut self, rate: u32, seconds: u32) -> Result<Option<&[f32]>, Error> {
        let Some(file) = &self.sound else { return Ok(None) };
        if !self.audio.contains_key(&rate) {
            let (mut warnings, path) = (Vec::new(), file.path().to_path_buf());
            let loaded = read_sound(file, rate, seconds, &mut warnings);
            self.warn(&path, warnings);
            self.audio.insert(rate, loaded);
        }
        Ok(self.audio.get(&rate).map(known).transpose()?.map(Vec::as_slice))
    }
}

/// Reads a sound to its end, keeping at most `seconds` of it.
fn read_sound(file: &AudioFile, rate: u32, seconds: u32, warnings: &mut Vec<String>) -> Result<Vec<f32>, String> {
    let path = file.path();
    let failed = |source| Error::Audio { path: path.to_path_buf(), source }.to_string();
    let mut reader = Recording::from(file).open(rate).map_err(failed)?;
    let (mut samples, mut beyond) = (Vec::new(), 0);
    let most = rate as usize * seconds as usize;
    while reader.read(&mut samples).map_err(failed)? {
        beyond += samples.len().saturating_sub(most);
        samples.truncate(most);
    }
    warnings.extend_from_slice(reader.warnings());
    if beyond > 0 {
        let lasts = (most + beyond) as f64 / f64::from(rate);
        return Err(format!("{}: the sound lasts {lasts:.1} s; at most {seconds} s are accepted", path.display()));
    }
    Ok(samples)
}

/// A sound as the attachment of a message.
pub(super) fn attached(sound: &Sound, models: &Models, warnings: &mut Vec<String>) -> Result<Attachment, Error> {
    let file = sound.open(&models.device().media);
    let file = file.map_err(|source| Error::Audio { path: sound.name().into(), source })?;
    let samples = read_sound(&file, Attachment::SAMPLE_RATE, Attachment::LONGEST_SOUND, warnings);
    Ok(Attachment::Sound(samples.map_err(|problem| Error::Input { problem })?.into()))
}

/// The loaded data, or the error of the first attempt.
fn known<T>(loaded: &Result<T, String>) -> Result<&T, Error> {
    loaded.as_ref().map_err(|problem| Error::Input { problem: problem.clone() })
}
