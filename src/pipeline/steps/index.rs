//! `index`: makes a record findable.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::embed::embeddings;
use super::seen::ReadPicture;
use super::{Context, StepKind, StepOutcome, Use, timed};
use crate::config::model_folder::{Modality, capability};
use crate::config::{IndexOptions, TextRole};
use crate::error::Error;
use crate::index::{MadeBy, Shelf, Vector};
use crate::media::image::PixelConfig;
use crate::models::Models;
use crate::models::capability::Embedder;
use crate::models::embedding::EmbedInputs;
use crate::pipeline::about_pictures::{CaptionText, PictureClasses};
use crate::pipeline::media::Picture;
use crate::pipeline::search::{Found, IndexWriter, entry, made_by, thumbnail_of};
use crate::support::path_text::path_text;

const NAME: &str = "index";

pub(super) struct Index {
    options: IndexOptions,
    /// Opened by the first record.
    writer: Mutex<Option<IndexWriter>>,
}

/// What became of a record in an index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Indexed {
    /// The index.
    pub into: String,
    /// Number of items that can be found.
    pub items: usize,
    /// Name of the model that embedded them, as in its `model.yaml`; none if they are found by words only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

impl StepKind for Index {
    type Options = IndexOptions;
    type Value = Indexed;

    const KEY: &'static str = "index";

    const HAS_TEXT: bool = false;

    fn new(options: &IndexOptions) -> Result<Self, Error> {
        Ok(Index { options: options.clone(), writer: Mutex::new(None) })
    }

    fn uses(options: &IndexOptions) -> Vec<Use<'_>> {
        let model = options.model.as_deref();
        vec![Use { optional: model.is_none(), ..Use::required(capability::EMBED, model) }]
    }

    fn view(&self, models: &Models) -> Option<PixelConfig> {
        models.view::<dyn Embedder>(self.options.model.as_deref(), NAME).ok().flatten()
    }

    fn run(&self, context: &mut Context) -> StepOutcome<Indexed> {
        let record = context.record;
        if record.image.is_none() && record.audio.is_none() && record.text.is_none() {
            return Ok(None);
        }
        let started = Instant::now();
        let writer = self.writer()?;
        let caption = context.done.get::<CaptionText>("caption").map(|timed| timed.value.best.text.clone());
        let classes = context.done.get::<PictureClasses>("classes").map(|timed| timed.value.label.clone());
        let transcript = context.transcript().cloned();
        let mut found = Found {
            caption: caption.as_deref(),
            classes: classes.into_iter().collect(),
            transcript: transcript.as_ref(),
            ..Found::default()
        };
        found.thumbnail = match &record.image {
            None | Some(Picture::File(_)) => None,
            // A picture that cannot be decoded is reported below.
            Some(picture) => thumbnail_of(picture).ok(),
        };
        let named = self.options.model.as_deref();
        let embedder = match context.models.chosen::<dyn Embedder>(named, NAME) {
            Ok(key) => Some(made_by(context.device(), &key)?),
            Err(Error::NoModel { .. }) => {
                let warning = "the device has no model that embeds, so the index contains words only";
                context.sources.warn(Path::new(&record.name()), [warning]);
                None
            }
            Err(error) => return Err(error),
        };
        let mut provider = "none";
        if let Some(by) = &embedder {
            provider = self.embed(context, by, &mut found)?;
        }
        let mut entry = entry(record, &self.options.settings, found);
        if context.done.iter().any(|outcome| outcome.result.is_err()) {
            // To be indexed again by the next run.
            entry.version.push_str(" incomplete");
        }
        let items = entry.items.len();
        let mut writer = writer.lock();
        writer.put(entry).map_err(Error::from)?;
        if writer.waiting() >= self.options.batch {
            writer.commit().map_err(Error::from)?;
        }
        let value = Indexed { into: path_text(&self.options.into), items, model: embedder.map(|by| by.name) };
        Ok(Some(timed(value, started, provider)))
    }
}

impl Index {
    fn writer(&self) -> Result<IndexWriter, Error> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(writer) = &*writer {
            return Ok(writer.clone());
        }
        Ok(writer.insert(IndexWriter::open(&self.options.into)?).clone())
    }

    /// Adds the vectors; returns the execution provider.
    fn embed(&self, context: &mut Context, by: &MadeBy, found: &mut Found) -> Result<&'static str, Error> {
        let named = self.options.model.as_deref();
        let record = context.record;
        let name = record.name();
        let vector = |shelf, numbers| Vector { shelf, made_by: by.clone(), numbers };
        let read = match context.sources.has_image() {
            true => ReadPicture::read::<dyn Embedder>(context, named, NAME)?,
            false => None,
        };
        let model = context.models.lease::<dyn Embedder>(named, NAME)?;
        model.prepare_embeddings()?;
        let embeds = model.embeds();
        let mut provider = model.provider();
        let mut missing = Vec::new();
        if let Some(read) = read {
            if embeds.contains(&Modality::Image) {
                let seen = embeddings(context, &*model, Some(&read), None, TextRole::Passage, None)?;
                provider = seen.provider;
                found.picture.extend(seen.image.map(|numbers| vector(Shelf::Picture, numbers)));
            } else {
                missing.push(Modality::Image);
            }
        }
        let sound = if embeds.contains(&Modality::Audio) { model.sound() } else { None };
        if let Some((rate, seconds)) = sound.filter(|_| context.sources.has_audio()) {
            // The whole of a long recording has no vector; its segments have.
            match context.sources.sound(rate, seconds).map(|samples| samples.map(<[f32]>::to_vec)) {
                Ok(Some(samples)) => {
                    let inputs = EmbedInputs { audio: Some(&samples), ..EmbedInputs::default() };
                    found.sound.extend(model.embed(&inputs)?.audio.map(|numbers| vector(Shelf::Sound, numbers)));
                }
                Ok(None) => {}
                Err(error) => {
                    context.sources.warn(Path::new(&name), [format!("{error}: the sound as a whole has no vector")]);
                }
            }
        }
        let mut warnings = Vec::new();
        let mut text = |text: &str| -> Result<Vec<Vector>, Error> {
            if text.trim().is_empty() || !embeds.contains(&Modality::Text) {
                return Ok(Vec::new());
            }
            let inputs = EmbedInputs { text: Some(text), text_role: TextRole::Passage, ..EmbedInputs::default() };
            match model.embed(&inputs) {
                Ok(embedded) => Ok(embedded.text.map(|numbers| vector(Shelf::Text, numbers)).into_iter().collect()),
                // Such as a text that is too long for the model.
                Err(Error::Input { problem }) => {
                    warnings.push(format!("{problem}: found by words only"));
                    Ok(Vec::new())
                }
                Err(error) => Err(error),
            }
        };
        if let Some(caption) = found.caption {
            found.picture.extend(text(caption)?);
        }
        for segment in found.transcript.iter().flat_map(|transcript| &transcript.segments) {
            found.segments.push(text(&segment.text)?);
        }
        if let Some(written) = &record.text {
            found.text = text(written)?;
        }
        context.sources.warn(Path::new(&name), warnings);
        let left_out = missing.into_iter().map(|input| format!("{}: found by words only", model.unembedded(input)));
        context.sources.warn(Path::new(&name), left_out);
        Ok(provider)
    }
}
