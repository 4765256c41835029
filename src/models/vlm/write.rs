//! Captions and answers.

use std::sync::Arc;

use image::RgbImage;

use super::VisionLanguageModel;
use super::shown::{Picture, Shown};
use crate::config::{CaptionOptions, SearchOptions};
use crate::error::Error;
use crate::models::chat::{Attachment, Message};
use crate::models::generation::{Generated, Source, TextRequest, generate, log_probabilities};
use crate::models::llm::Fed;
use crate::models::picture::{Answer, Candidates, Caption, EncodedImage, RankedAnswer};

impl VisionLanguageModel {
    /// Captions a picture: as many captions as `options` asks for, best first. Its prompt is the message to the model; without
    /// one, that of the model folder is.
    ///
    /// # Errors
    /// [`Error::Input`] if the prompt is too long; [`Error::Engine`] if a graph fails.
    pub fn caption(&self, image: &EncodedImage, options: &CaptionOptions) -> Result<Vec<Caption>, Error> {
        let prompt = options.prompt.as_deref().map(str::trim).filter(|prompt| !prompt.is_empty());
        let limit = options.search.max_tokens.unwrap_or(self.spec.generation.caption_max_tokens);
        let fed = self.about(image, prompt.unwrap_or(&self.spec.prompts.caption), 1)?;
        let written = self.write(&fed, limit, options.captions, &options.search)?;
        Caption::all(&[], written, self.language.vocabulary(), self.provider())
    }

    /// Answers a question about a picture. The question is put into the prompt of the model folder.
    ///
    /// # Errors
    /// [`Error::Input`] if the question is empty or too long; [`Error::Engine`] if a graph fails.
    pub fn answer(&self, image: &EncodedImage, question: &str, options: &SearchOptions) -> Result<Answer, Error> {
        let limit = options.max_tokens.unwrap_or(self.spec.generation.answer_max_tokens);
        let fed = self.about(image, &self.question(question)?, 1)?;
        let written = self.write(&fed, limit, 1, options)?.into_iter().next();
        let (tokens, log_probability) = written.map(|it| (it.tokens, it.log_probability)).unwrap_or_default();
        let text = self.language.vocabulary().decode(&tokens)?;
        Ok(Answer { text, tokens, log_probability, provider: self.provider() })
    }

    /// Prepares candidate answers for [`VisionLanguageModel::rank`], as
    /// [`Blip::candidates`](crate::models::blip::Blip::candidates).
    ///
    /// # Errors
    /// [`Error::Request`] if an answer is too long, or no answer is left.
    pub fn candidates(&self, texts: &[String]) -> Result<Candidates, Error> {
        // Unless the template ends in white space, the next word begins with a space, which is part of its token.
        let before = self.language.rendered(&[shown_with("a")])?;
        let space = if before.ends_with(char::is_whitespace) { "" } else { " " };
        let encode = |text: &str| match text.trim() {
            "" => Ok(Vec::new()),
            text => self.language.vocabulary().encode(&format!("{space}{text}"), false),
        };
        Candidates::read(texts, self.context() / 2, self.name(), encode)
    }

    /// Probabilities of the candidate answers, most probable first.
    ///
    /// # Errors
    /// As [`VisionLanguageModel::answer`].
    pub fn rank(
        &self,
        image: &EncodedImage,
        question: &str,
        candidates: &Candidates,
    ) -> Result<Vec<RankedAnswer>, Error> {
        let longest = candidates.tokens().iter().map(Vec::len).max().unwrap_or(0);
        let fed = self.about(image, &self.question(question)?, longest)?;
        let decoder = &self.language.graph()?.decoder;
        // `config::model_folder` has checked that there is one.
        let end = self.spec.tokens.ends.first().copied().unwrap_or_default();
        let found = log_probabilities(decoder, source(&fed), &fed.ids, end, candidates.tokens())?;
        Ok(RankedAnswer::ranked(found))
    }

    fn question(&self, question: &str) -> Result<String, Error> {
        match question.trim() {
            "" => Err(Error::Input { problem: "the question is empty".to_string() }),
            question => Ok(self.spec.question(question)),
        }
    }

    /// The prompt of a message with a picture, with room for `room` tokens.
    fn about(&self, image: &EncodedImage, message: &str, room: usize) -> Result<Fed, Error> {
        let pictures = [Picture::Encoded(image)];
        self.language.prompt(&[shown_with(message)], room, &Shown { model: self, pictures: &pictures })
    }

    fn write(&self, fed: &Fed, limit: usize, count: usize, options: &SearchOptions) -> Result<Vec<Generated>, Error> {
        let limit = limit.min(self.context() - fed.ids.len());
        let request = TextRequest { prompt: &fed.ids, ends: &self.spec.tokens.ends, limit, count };
        Ok(generate(&self.language.graph()?.decoder, source(fed), &request, options)?)
    }
}

fn source(fed: &Fed) -> Source<'_> {
    fed.rows.as_ref().map_or(Source::Alone, Source::Rows)
}

/// A message with a picture, whose place is all that a template reads of it.
fn shown_with(text: &str) -> Message {
    let place = Attachment::Picture(Arc::new(RgbImage::new(1, 1)));
    Message { attachments: vec![place], ..Message::new("user", text) }
}
