//! `embed`: embeddings of a record's picture, text and sound.

use std::path::Path;
use std::time::Instant;

use super::seen::ReadPicture;
use super::{Context, StepKind, StepOutcome, Use, timed};
use crate::config::model_folder::{Modality, capability};
use crate::config::{EmbedOptions, TextRole};
use crate::error::Error;
use crate::media::image::PixelConfig;
use crate::models::Models;
use crate::models::capability::Embedder;
use crate::models::embedding::{EmbedInputs, InputEmbeddings};
use crate::pipeline::embeddings::RecordEmbeddings;

const NAME: &str = "embed";

pub(super) struct Embed(EmbedOptions);

impl StepKind for Embed {
    type Options = EmbedOptions;
    type Value = RecordEmbeddings;

    const KEY: &'static str = "embed";

    const HAS_TEXT: bool = false;

    fn new(options: &EmbedOptions) -> Result<Self, Error> {
        Ok(Embed(options.clone()))
    }

    fn uses(options: &EmbedOptions) -> Vec<Use<'_>> {
        vec![Use::required(capability::EMBED, options.model.as_deref())]
    }

    fn view(&self, models: &Models) -> Option<PixelConfig> {
        models.view::<dyn Embedder>(self.0.model.as_deref(), NAME).ok().flatten()
    }

    fn run(&self, context: &mut Context) -> StepOutcome<RecordEmbeddings> {
        let named = self.0.model.as_deref();
        let given = given(context);
        if given.is_empty() {
            return Ok(None);
        }
        let read = match context.sources.has_image() {
            true => ReadPicture::read::<dyn Embedder>(context, named, NAME)?,
            false => None,
        };
        let model = context.models.lease::<dyn Embedder>(named, NAME)?;
        leave_out(&*model, context, &given)?;
        model.prepare_embeddings()?;
        let accepts = |input| given.contains(&input) && model.embeds().contains(&input);
        let started = Instant::now();
        let audio = match model.sound().filter(|_| accepts(Modality::Audio)) {
            Some((rate, seconds)) => context.sources.sound(rate, seconds)?.map(<[f32]>::to_vec),
            None => None,
        };
        let read = read.filter(|_| accepts(Modality::Image));
        let text = context.record.text.as_deref().filter(|_| accepts(Modality::Text));
        let found = embeddings(context, &*model, read.as_ref(), text, self.0.text, audio.as_deref())?;
        let InputEmbeddings { image, text, audio, text_tokens, provider } = found;
        let first = [&image, &text, &audio].into_iter().flatten().next();
        let dimensions = first.map_or(0, Vec::len);
        let value = RecordEmbeddings { model: model.name().to_string(), dimensions, text_tokens, image, text, audio };
        Ok(Some(match read {
            Some(read) => read.timed(value, started, provider),
            None => timed(value, started, provider),
        }))
    }
}

/// Embeds the inputs; the picture through the encoder that the model's other tasks share, if there is one.
pub(super) fn embeddings(
    context: &Context,
    model: &dyn Embedder,
    picture: Option<&ReadPicture>,
    text: Option<&str>,
    text_role: TextRole,
    audio: Option<&[f32]>,
) -> Result<InputEmbeddings, Error> {
    let encoded = match picture.zip(model.picture_encoder()) {
        Some((read, encoder)) => read.encoded(context, encoder)?,
        None => None,
    };
    let image = match picture {
        Some(read) if encoded.is_none() => read.pixels(context)?,
        _ => None,
    };
    let inputs = EmbedInputs { image, text, text_role, audio };
    let mut found = match encoded.is_some() && inputs.is_empty() {
        true => InputEmbeddings::default(),
        false => model.embed(&inputs)?,
    };
    if let Some(encoded) = encoded {
        found.image = encoded.embedding().map(|embedding| embedding.to_vec());
        found.provider = model.provider();
    }
    Ok(found)
}

/// What the record has of picture, text and sound.
fn given(context: &Context) -> Vec<Modality> {
    let all = [
        (context.sources.has_image(), Modality::Image),
        (context.record.text.is_some(), Modality::Text),
        (context.sources.has_audio(), Modality::Audio),
    ];
    all.into_iter().filter(|(given, _)| *given).map(|(_, modality)| modality).collect()
}

/// Warns about each input that the model does not embed; it is an error if there is no other.
fn leave_out(model: &dyn Embedder, context: &mut Context, given: &[Modality]) -> Result<(), Error> {
    let embeds = model.embeds();
    let (accepted, others): (Vec<_>, Vec<_>) = given.iter().copied().partition(|input| embeds.contains(input));
    match others.first() {
        Some(&first) if accepted.is_empty() => Err(model.unembedded(first)),
        _ => {
            let warnings =
                others.into_iter().map(|input| format!("{}: the input is left out", model.unembedded(input)));
            context.sources.warn(Path::new(&context.record.name()), warnings);
            Ok(())
        }
    }
}
