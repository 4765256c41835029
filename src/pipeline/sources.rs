//! The files of one record, each read once however many steps want it.

use std::collections::BTreeMap;

use image::RgbImage;

use super::record::Record;
use crate::error::Error;
use crate::media;

/// Picture and sound of a record, decoded when first wanted.
pub(super) struct Sources<'a> {
    record: &'a Record,
    image: Option<RgbImage>,
    audio: BTreeMap<u32, Vec<f32>>,
}

impl<'a> Sources<'a> {
    pub fn new(record: &'a Record) -> Self {
        Sources { record, image: None, audio: BTreeMap::new() }
    }

    pub fn has_image(&self) -> bool {
        self.record.image.is_some()
    }

    pub fn has_audio(&self) -> bool {
        self.record.audio.is_some()
    }

    /// The picture; `None` when the record has none.
    pub fn image(&mut self) -> Result<Option<&RgbImage>, Error> {
        self.load_image()?;
        Ok(self.image.as_ref())
    }

    /// The sound at `rate` samples a second, mono; `None` when the record has none.
    pub fn audio(&mut self, rate: u32) -> Result<Option<&[f32]>, Error> {
        self.load_audio(rate)?;
        Ok(self.audio.get(&rate).map(Vec::as_slice))
    }

    /// Picture and sound together, each where it is wanted and there.
    pub fn both(&mut self, image: bool, rate: Option<u32>) -> Result<(Option<&RgbImage>, Option<&[f32]>), Error> {
        if image {
            self.load_image()?;
        }
        if let Some(rate) = rate {
            self.load_audio(rate)?;
        }
        let samples = rate.and_then(|rate| self.audio.get(&rate));
        Ok((self.image.as_ref().filter(|_| image), samples.map(Vec::as_slice)))
    }

    fn load_image(&mut self) -> Result<(), Error> {
        if let (None, Some(path)) = (&self.image, &self.record.image) {
            let image = media::image::load(path).map_err(|source| Error::Image { path: path.clone(), source })?;
            self.image = Some(image);
        }
        Ok(())
    }

    fn load_audio(&mut self, rate: u32) -> Result<(), Error> {
        if let (false, Some(path)) = (self.audio.contains_key(&rate), &self.record.audio) {
            let samples =
                media::audio::load(path, rate).map_err(|source| Error::Audio { path: path.clone(), source })?;
            self.audio.insert(rate, samples);
        }
        Ok(())
    }
}
