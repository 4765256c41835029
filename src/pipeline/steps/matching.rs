//! `match`: how well texts fit a picture.

use std::time::Instant;

use super::seen::ReadPicture;
use super::{Context, StepKind, StepOutcome, Use};
use crate::config::MatchOptions;
use crate::config::model_folder::capability;
use crate::error::Error;
use crate::media::image::PixelConfig;
use crate::models::Models;
use crate::models::capability::Matcher;
use crate::models::picture::MatchTexts;
use crate::pipeline::about_pictures::{MatchEmbeddings, MatchedText, MatchedTexts};
use crate::pipeline::lists::List;

const NAME: &str = "match";

pub(super) struct Match {
    options: MatchOptions,
    texts: Option<List<MatchTexts>>,
}

impl StepKind for Match {
    type Options = MatchOptions;
    type Value = MatchedTexts;

    const KEY: &'static str = "match";

    fn new(options: &MatchOptions) -> Result<Self, Error> {
        let texts = options.texts.as_ref().map(List::load).transpose()?;
        Ok(Match { options: options.clone(), texts })
    }

    fn uses(options: &MatchOptions) -> Vec<Use<'_>> {
        vec![Use::required(capability::MATCH, options.model.as_deref())]
    }

    fn view(&self, models: &Models) -> Option<PixelConfig> {
        models.view::<dyn Matcher>(self.options.model.as_deref(), NAME).ok().flatten()
    }

    fn run(&self, context: &mut Context) -> StepOutcome<MatchedTexts> {
        // The record's own text, if the step has no list.
        let text = context.spoken_or_written();
        if !context.sources.has_image() || (self.texts.is_none() && text.is_none()) {
            return Ok(None);
        }
        let named = self.options.model.as_deref();
        let Some(read) = ReadPicture::read::<dyn Matcher>(context, named, NAME)? else { return Ok(None) };
        let blip = context.models.lease::<dyn Matcher>(named, NAME)?;
        blip.prepare_matching()?;
        let texts = match (&self.texts, text) {
            // A problem with the list affects every record.
            (Some(list), _) => list.read(|texts| {
                blip.match_list(texts)
                    .map_err(|error| Error::Request { model: blip.name().to_string(), problem: error.to_string() })
            })?,
            (None, Some(text)) => blip.match_list(&[text])?.into(),
            (None, None) => return Ok(None),
        };
        let started = Instant::now();
        let Some(image) = read.encoded(context, &*blip)? else { return Ok(None) };
        let found = blip.match_texts(&image, &texts)?;
        let both = image.embedding().zip(texts.embeddings()).filter(|_| self.options.embeddings);
        let value = MatchedTexts {
            texts: texts
                .texts()
                .iter()
                .zip(found)
                .map(|(text, found)| MatchedText {
                    text: text.clone(),
                    probability: found.probability,
                    similarity: found.similarity,
                })
                .collect(),
            embeddings: both.map(|(image, texts)| MatchEmbeddings {
                image: image.to_vec(),
                texts: texts.rows().into_iter().map(|row| row.to_vec()).collect(),
            }),
        };
        Ok(Some(read.timed(value, started, blip.match_provider())))
    }
}
