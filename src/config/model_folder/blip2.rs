//! Constants of a BLIP-2 model.

use serde::Deserialize;

use super::agree::{accepts_pixels, attends};
use super::graph::{check_cache, check_decoder, graph};
use super::image::ImageSpec;
use super::spec::{Graphs, KindSpec, SpecialTokens, capability};

/// Placeholder for the question in [`Blip2Generation::question_prompt`].
const QUESTION: &str = "{question}";

/// Keys of a BLIP-2 model, apart from the common ones.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blip2Spec {
    /// Preprocessing of the picture.
    pub image: ImageSpec,
    /// File with the tokenizer.
    pub tokenizer: String,
    /// Special tokens.
    pub tokens: Blip2Tokens,
    /// Decoding constants.
    pub generation: Blip2Generation,
}

/// Special tokens of the language model.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blip2Tokens {
    /// Precede the tokens of a prompt.
    pub prompt_start: Vec<i64>,
    /// Follow the tokens of a prompt.
    pub prompt_end: Vec<i64>,
    /// Replaces an absent prompt.
    pub no_prompt: i64,
    /// Ends a text.
    pub end: i64,
    /// First token of the decoder, if the language model has an encoder.
    pub start: Option<i64>,
}

/// Decoding constants of BLIP-2.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blip2Generation {
    /// Maximum number of new tokens in a caption, unless the device file or the command line sets another one.
    pub caption_max_tokens: usize,
    /// The same for an answer.
    pub answer_max_tokens: usize,
    /// Maximum number of tokens in a prompt, and in a text; for a decoder-only language model, in both together.
    pub max_tokens: usize,
    /// Prompt template for a question, which replaces `{question}`.
    pub question_prompt: String,
}

impl Blip2Spec {
    /// The prompt for a question.
    pub fn question(&self, question: &str) -> String {
        self.generation.question_prompt.replace(QUESTION, question)
    }
}

impl KindSpec for Blip2Spec {
    fn check(&self, graphs: &Graphs) -> Result<(), String> {
        self.image.check()?;
        let vision = graph(graphs, "vision")?;
        vision.need("vision", &["pixel_values"], &["image_embeds"])?;
        accepts_pixels("vision", &vision.inputs["pixel_values"], &self.image)?;
        let rows = &vision.outputs["image_embeds"];
        let reader = if let Some(encoder) = graphs.get("text_encoder") {
            encoder.need("text_encoder", &["input_ids", "image_embeds"], &["cross_key", "cross_value"])?;
            check_decoder(graphs, "decoder")?;
            attends(graphs, "text_encoder", "decoder")?;
            if self.tokens.start.is_none() {
                return Err("tokens.start: missing, but required by the graph text_encoder".to_string());
            }
            encoder
        } else {
            check_cache(graphs, "decoder", &["input_ids", "image_embeds"])?;
            &graphs["decoder"]
        };
        if rows.fixed(2).is_none() || rows.fixed(2) != reader.inputs["image_embeds"].fixed(2) {
            return Err("graphs: image_embeds of vision differs in width from the language model".to_string());
        }
        let vocabulary = graphs["decoder"].outputs["logits"].fixed(1).unwrap_or(0) as i64;
        let tokens = &self.tokens;
        let mut ids = tokens.prompt_start.iter().chain(&tokens.prompt_end).chain(&tokens.start);
        if !ids.all(|id| (0..vocabulary).contains(id))
            || ![tokens.no_prompt, tokens.end].iter().all(|id| (0..vocabulary).contains(id))
        {
            return Err(format!("tokens: an id is outside the vocabulary of {vocabulary}"));
        }
        let generation = &self.generation;
        let limits = [generation.caption_max_tokens, generation.answer_max_tokens, generation.max_tokens];
        if limits.iter().any(|limit| !(1..=65_536).contains(limit)) || generation.max_tokens < 2 {
            return Err("generation: a limit is out of range".to_string());
        }
        if generation.question_prompt.matches(QUESTION).count() != 1 {
            return Err(format!("generation.question_prompt: must contain {QUESTION} exactly once"));
        }
        Ok(())
    }

    fn capabilities(&self, _graphs: &Graphs) -> Vec<&'static str> {
        vec![capability::CAPTION, capability::ANSWER]
    }

    fn tokenizer(&self) -> Option<&str> {
        Some(&self.tokenizer)
    }

    fn image(&self) -> Option<&ImageSpec> {
        Some(&self.image)
    }

    fn special_tokens(&self) -> SpecialTokens {
        let tokens = &self.tokens;
        SpecialTokens { present: vec![("no_prompt", tokens.no_prompt), ("end", tokens.end)], named: Vec::new() }
    }
}
