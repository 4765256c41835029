//! `caption`: a sentence about a picture.

use std::time::Instant;

use super::by_message::{Asked, by_message};
use super::seen::ReadPicture;
use super::{Context, StepKind, StepOutcome, Use, timed};
use crate::config::CaptionOptions;
use crate::config::model_folder::capability;
use crate::error::Error;
use crate::media::image::PixelConfig;
use crate::models::Models;
use crate::models::capability::Captioner;
use crate::pipeline::about_pictures::{CaptionScore, CaptionText};

const NAME: &str = "caption";

/// The message about a picture, without a prompt.
const MESSAGE: &str = "Describe the picture in one sentence.";

pub(super) struct Caption(CaptionOptions);

impl StepKind for Caption {
    type Options = CaptionOptions;
    type Value = CaptionText;

    const KEY: &'static str = "caption";

    fn new(options: &CaptionOptions) -> Result<Self, Error> {
        Ok(Caption(options.clone()))
    }

    fn uses(options: &CaptionOptions) -> Vec<Use<'_>> {
        vec![Use::required(capability::CAPTION, options.model.as_deref())]
    }

    fn view(&self, models: &Models) -> Option<PixelConfig> {
        models.view::<dyn Captioner>(self.0.model.as_deref(), NAME).ok().flatten()
    }

    fn run(&self, context: &mut Context) -> StepOutcome<CaptionText> {
        caption(context, &self.0)
    }
}

/// Captions the record's picture, if it has one.
pub(super) fn caption(context: &mut Context, options: &CaptionOptions) -> StepOutcome<CaptionText> {
    if !context.sources.has_image() {
        return Ok(None);
    }
    let named = options.model.as_deref();
    if let Some(asked) = by_message::<dyn Captioner>(context, named, NAME)? {
        return asked_to_caption(context, options, &asked);
    }
    let Some(read) = ReadPicture::read::<dyn Captioner>(context, named, NAME)? else { return Ok(None) };
    let blip = context.models.lease::<dyn Captioner>(named, NAME)?;
    blip.prepare_captions()?;
    let started = Instant::now();
    let Some(image) = read.encoded(context, &*blip)? else { return Ok(None) };
    let captions = blip.caption(&image, options)?;
    let provider = captions.first().map_or(blip.provider(), |caption| caption.provider);
    let captions: Vec<CaptionScore> = captions
        .into_iter()
        .map(|it| CaptionScore {
            text: it.text,
            log_probability: Some(it.log_probability),
            score: Some(it.score),
            tokens: it.tokens.len(),
        })
        .collect();
    let Some(best) = captions.first().cloned() else { return Ok(None) };
    let captions = (options.captions > 1).then_some(captions);
    Ok(Some(read.timed(CaptionText { best, captions }, started, provider)))
}

/// A caption by a model that is asked for it by a message, or by its fallback.
fn asked_to_caption(context: &mut Context, options: &CaptionOptions, asked: &Asked) -> StepOutcome<CaptionText> {
    let started = Instant::now();
    asked.refuse(options.captions > 1, "captions")?;
    let prompt = options.prompt.as_deref().map(str::trim).filter(|prompt| !prompt.is_empty());
    let reply = match asked.reply(context, prompt.unwrap_or(MESSAGE), asked.options(&options.search)?) {
        Ok(reply) => reply,
        Err(error) => {
            let model = Some(asked.instead::<dyn Captioner>(context, error)?);
            return caption(context, &CaptionOptions { model, ..options.clone() });
        }
    };
    let best = CaptionScore { text: reply.text, log_probability: None, score: None, tokens: reply.written };
    Ok(Some(timed(CaptionText { best, captions: None }, started, asked.provider())))
}
