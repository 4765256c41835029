//! Cache of the last encoded pictures: records with several questions about a picture are mostly adjacent.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ndarray::Array4;

use super::Context;
use super::measured::{Measured, timed};
use crate::error::Error;
use crate::media::image::PixelConfig;
#[cfg(doc)]
use crate::models::Models;
use crate::models::capability::{Capability, PictureEncoder};
use crate::models::picture::EncodedImage;
use crate::pipeline::sources::Sources;
use crate::pipeline::version::FileVersion;

/// The last picture encoded by each model, by the model's name under `models`.
#[derive(Default)]
pub(in crate::pipeline) struct Seen(Mutex<Vec<Encoded>>);

struct Encoded {
    model: String,
    version: Version,
    image: Arc<EncodedImage>,
}

/// What identifies a picture.
#[derive(Clone, PartialEq)]
enum Version {
    /// Its file, and the version of that.
    File(PathBuf, FileVersion),
    /// Its place in memory, while its record is being processed.
    Memory(usize),
}

/// A picture that was read before the model was leased, so that decoding does not count towards the model's memory.
pub(super) struct ReadPicture {
    model: String,
    version: Option<Version>,
    picture: Picture,
    took: Duration,
}

enum Picture {
    Encoded(Arc<EncodedImage>),
    Pixels(PixelConfig),
}

impl Seen {
    /// Drops all pictures.
    pub fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Drops the pictures in memory, at the end of their record: another may get their place.
    pub fn forget_memory(&self) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|it| matches!(it.version, Version::File(..)));
    }

    fn find(&self, model: &str, version: &Version) -> Option<Arc<EncodedImage>> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().find(|it| it.model == model && it.version == *version).map(|it| it.image.clone())
    }

    fn forget_of(&self, model: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|it| it.model != model);
    }

    fn keep(&self, model: &str, version: Version, image: Arc<EncodedImage>) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|it| it.model != model);
        seen.push(Encoded { model: model.to_string(), version, image });
    }
}

impl ReadPicture {
    /// Decodes the record's picture for the model that [`Models::lease`] would lease, unless that model has encoded it last.
    pub fn read<C: Capability + ?Sized>(
        context: &mut Context,
        named: Option<&str>,
        user: &'static str,
    ) -> Result<Option<Self>, Error> {
        let model = context.models.chosen::<C>(named, user)?;
        let view = context.models.view::<C>(named, user)?;
        let version = version(context.sources);
        let known = version.as_ref().and_then(|version| context.seen.find(&model, version));
        let (picture, took) = match (known, view) {
            (Some(image), _) => (Picture::Encoded(image), Duration::ZERO),
            (None, Some(view)) => (Picture::Pixels(view), context.sources.read_picture(context.models, &view)),
            (None, None) => return Ok(None),
        };
        Ok(Some(ReadPicture { model, version, picture, took }))
    }

    /// The picture encoded by `encoder`.
    pub fn encoded(&self, context: &Context, encoder: &dyn PictureEncoder) -> Result<Option<Arc<EncodedImage>>, Error> {
        let view = match &self.picture {
            Picture::Encoded(image) => return Ok(Some(image.clone())),
            Picture::Pixels(view) => view,
        };
        // The previous one is dropped first, because two at a time are not needed.
        context.seen.forget_of(&self.model);
        let Some(pixels) = context.sources.picture(view)? else { return Ok(None) };
        let image = Arc::new(encoder.encode_pixels(pixels.clone())?);
        if let Some(version) = &self.version {
            context.seen.keep(&self.model, version.clone(), image.clone());
        }
        Ok(Some(image))
    }

    /// The preprocessed picture, for a model without a vision encoder of its own; `None` if the record has none.
    pub fn pixels<'a>(&self, context: &'a Context) -> Result<Option<&'a Array4<f32>>, Error> {
        match &self.picture {
            Picture::Encoded(_) => Ok(None),
            Picture::Pixels(view) => Ok(context.sources.picture(view)?.map(|pixels| &pixels.values)),
        }
    }

    /// The result with the time since `started` plus the time for reading.
    pub fn timed<T>(&self, value: T, started: Instant, provider: &'static str) -> Measured<T> {
        timed(value, started.checked_sub(self.took).unwrap_or(started), provider)
    }
}

/// What identifies the record's picture; `None` if there is none, or the metadata of its file cannot be read.
fn version(sources: &Sources) -> Option<Version> {
    match sources.image()? {
        crate::pipeline::Picture::File(path) => Some(Version::File(path.clone(), FileVersion::of(path)?)),
        crate::pipeline::Picture::Bytes(bytes) => Some(Version::Memory(bytes.as_slice().as_ptr().addr())),
        crate::pipeline::Picture::Pixels(image) => Some(Version::Memory(Arc::as_ptr(image).addr())),
    }
}
