//! The language model's input, and the text it generates.

use ndarray::Array2;

use super::Blip2;
use crate::config::SearchOptions;
use crate::engine::Tensor;
use crate::error::Error;
use crate::models::generation::{CrossAttention, Decoder, Generated, Source, TextRequest, generate};
use crate::models::picture::EncodedImage;

/// A prompt as the language model reads it.
pub(super) struct Prompt {
    /// Its tokens, inside the special tokens that the model needs around it.
    pub ids: Vec<i64>,
    before: usize,
    behind: usize,
}

/// Input of the decoder.
pub(super) enum About<'a> {
    /// Output of the language model's encoder for picture and prompt.
    Encoded(CrossAttention),
    /// The picture, before everything else.
    Picture(&'a Tensor),
}

/// A decoder that is ready to generate.
pub(super) struct Writing<'a> {
    pub decoder: &'a Decoder,
    pub about: About<'a>,
    /// What is fed first.
    pub first: &'a [i64],
    end: i64,
    /// Maximum number of tokens: the prompt, if it is fed to the decoder, and the generated ones.
    most: usize,
}

impl Prompt {
    /// The tokens of the text alone.
    pub fn own(&self) -> &[i64] {
        &self.ids[self.before..self.ids.len() - self.behind]
    }
}

impl About<'_> {
    pub fn source(&self) -> Source<'_> {
        match self {
            About::Encoded(cross) => Source::Cross(cross),
            About::Picture(rows) => Source::Prefix(rows),
        }
    }
}

impl Writing<'_> {
    /// Number of tokens that there is room for; at least one.
    pub fn room(&self) -> usize {
        match self.about {
            About::Encoded(_) => self.most,
            About::Picture(_) => self.most - self.first.len(),
        }
    }

    /// Writes `count` texts of at most `limit` tokens, the best first.
    pub fn write(self, limit: usize, count: usize, options: &SearchOptions) -> Result<Vec<Generated>, Error> {
        let request = TextRequest { prompt: self.first, ends: &[self.end], limit: limit.min(self.room()), count };
        Ok(generate(self.decoder, self.about.source(), &request, options)?)
    }
}

impl Blip2 {
    /// The prompt for a question.
    pub(super) fn question(&self, question: &str) -> Result<Prompt, Error> {
        match question.trim() {
            "" => Err(Error::Input { problem: "the question is empty".to_string() }),
            question => self.prompt(Some(&self.spec.question(question))),
        }
    }

    /// The prompt for `text`, as transformers' `Blip2Processor` builds it. It must leave room for one generated token.
    pub(super) fn prompt(&self, text: Option<&str>) -> Result<Prompt, Error> {
        let tokens = &self.spec.tokens;
        let Some(text) = text else { return Ok(Prompt { ids: vec![tokens.no_prompt], before: 1, behind: 0 }) };
        let own = self.vocabulary.encode(text, false)?;
        let ids = [&*tokens.prompt_start, &own, &tokens.prompt_end].concat();
        let most = self.spec.generation.max_tokens;
        match ids.len() {
            0 => Err(Error::Input { problem: "the prompt has no token that the model knows".to_string() }),
            length if length >= most => {
                let problem = format!("question or prompt has {length} tokens; the model accepts fewer than {most}");
                Err(Error::Input { problem })
            }
            _ => Ok(Prompt { ids, before: tokens.prompt_start.len(), behind: tokens.prompt_end.len() }),
        }
    }

    /// The decoder, ready to generate from a picture and `prompt`.
    pub(super) fn writing<'a>(&'a self, image: &'a EncodedImage, prompt: &'a [i64]) -> Result<Writing<'a>, Error> {
        self.prepare()?;
        let other = || Error::Request {
            model: self.folder.common.name.clone(),
            problem: "the picture was not encoded by this model".to_string(),
        };
        let (Some(rows), Some(decoder)) = (image.embeddings(), self.decoder.get()) else { return Err(other()) };
        let (about, first) = match (self.text_encoder.get(), &self.spec.tokens.start) {
            (Some(encoder), Some(start)) => {
                let ids = Tensor::integer(Array2::from_shape_fn((1, prompt.len()), |(_, at)| prompt[at]))?;
                let inputs = [("input_ids", std::slice::from_ref(&ids)), ("image_embeds", std::slice::from_ref(rows))];
                let cross = CrossAttention::take(&mut encoder.run(&inputs)?);
                (About::Encoded(cross), std::slice::from_ref(start))
            }
            _ => (About::Picture(rows), prompt),
        };
        Ok(Writing { decoder, about, first, end: self.spec.tokens.end, most: self.spec.generation.max_tokens })
    }
}
