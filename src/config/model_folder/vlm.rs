//! Constants of a vision-language model.

use serde::Deserialize;

use super::agree::accepts_pixels;
use super::graph::{graph, takes};
use super::image::ImageSpec;
use super::llm::{LlmGeneration, LlmSpec, LlmTokens};
use super::spec::{Graphs, KindSpec, SpecialTokens, capability};
use crate::config::modality::Modality;

/// Placeholder for the question in [`VlmPrompts::question`].
const QUESTION: &str = "{question}";

/// Keys of a vision-language model, apart from the common ones.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VlmSpec {
    /// Preprocessing of a picture, which is split into tiles.
    pub image: ImageSpec,
    /// File with the tokenizer.
    pub tokenizer: String,
    /// File with the chat template, a Jinja template that pictures have a place in.
    pub chat_template: String,
    /// Special tokens of the language model.
    pub tokens: LlmTokens,
    /// What stands for a picture in a prompt.
    pub picture: VlmPicture,
    /// What captions and answers are asked for with.
    pub prompts: VlmPrompts,
    /// Limits.
    pub generation: VlmGeneration,
}

/// Tokens that stand for a picture.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VlmPicture {
    /// The id of `image`.
    pub token: i64,
    /// Stands for one row of the graph `vision`; also what the chat template writes for a picture.
    pub image: String,
    /// Before the rows of each tile, and after the last.
    pub around: String,
    /// Before the rows of the whole picture, after `around`.
    pub whole: String,
}

/// Messages to the model.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VlmPrompts {
    /// Asks for a caption, unless the request has its own prompt.
    pub caption: String,
    /// Asks a question, which replaces `{question}`.
    pub question: String,
}

/// Limits of a vision-language model.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VlmGeneration {
    /// Maximum number of positions: prompt, with the rows of its pictures, and answer together.
    pub context: usize,
    /// Maximum number of tokens in an answer of a chat, unless the device file or the command line sets another one.
    pub max_tokens: usize,
    /// The same for a caption.
    pub caption_max_tokens: usize,
    /// The same for an answer to a question.
    pub answer_max_tokens: usize,
}

impl VlmSpec {
    /// The constants of its language model.
    pub fn language(&self) -> LlmSpec {
        let VlmGeneration { context, max_tokens, .. } = self.generation;
        LlmSpec {
            tokenizer: self.tokenizer.clone(),
            chat_template: Some(self.chat_template.clone()),
            tokens: self.tokens.clone(),
            generation: LlmGeneration { context, max_tokens },
        }
    }

    /// The message for a question.
    pub fn question(&self, question: &str) -> String {
        self.prompts.question.replace(QUESTION, question)
    }
}

impl KindSpec for VlmSpec {
    fn check(&self, graphs: &Graphs) -> Result<(), String> {
        self.image.check_split()?;
        self.language().check(graphs)?;
        let (vision, decoder) = (graph(graphs, "vision")?, graph(graphs, "decoder")?);
        vision.need("vision", &["pixel_values"], &["image_embeds"])?;
        accepts_pixels("vision", &vision.inputs["pixel_values"], &self.image)?;
        decoder.need("decoder", &["image_rows"], &[])?;
        let (rows, read) = (&vision.outputs["image_embeds"], &decoder.inputs["image_rows"]);
        takes("graphs.vision.outputs", rows, &[None, None, None], "[tiles, ROWS, WIDTH]")?;
        takes("graphs.decoder.inputs", read, &[None, None], "[rows, WIDTH]")?;
        if rows.fixed(1).is_none_or(|count| count == 0) || rows.fixed(2).is_none() {
            return Err(
                "graphs.vision.outputs.image_embeds.shape: must be [tiles, ROWS, WIDTH] with numbers".to_string()
            );
        }
        if rows.fixed(2) != read.fixed(1) {
            return Err("graphs: image_embeds of vision differs in width from image_rows of decoder".to_string());
        }
        let vocabulary = decoder.outputs["logits"].fixed(1).unwrap_or(0) as i64;
        let picture = &self.picture;
        if !(0..vocabulary).contains(&picture.token) {
            return Err(format!("picture.token: {} is outside the vocabulary of {vocabulary}", picture.token));
        }
        if [&picture.image, &picture.around, &picture.whole].iter().any(|text| text.is_empty()) {
            return Err("picture: a token is empty".to_string());
        }
        if self.prompts.question.matches(QUESTION).count() != 1 {
            return Err(format!("prompts.question: must contain {QUESTION} exactly once"));
        }
        let VlmGeneration { context, caption_max_tokens, answer_max_tokens, .. } = self.generation;
        if ![caption_max_tokens, answer_max_tokens].iter().all(|limit| (1..context).contains(limit)) {
            return Err("generation: a limit is out of range".to_string());
        }
        Ok(())
    }

    fn capabilities(&self, _graphs: &Graphs) -> Vec<&'static str> {
        vec![capability::CAPTION, capability::ANSWER, capability::CHAT]
    }

    fn tokenizer(&self) -> Option<&str> {
        Some(&self.tokenizer)
    }

    fn files(&self) -> Vec<&str> {
        vec![&self.chat_template]
    }

    fn image(&self) -> Option<&ImageSpec> {
        Some(&self.image)
    }

    fn attachments(&self) -> Vec<Modality> {
        vec![Modality::Image]
    }

    fn special_tokens(&self) -> SpecialTokens {
        let mut tokens = self.language().special_tokens().present;
        tokens.push(("picture.token", self.picture.token));
        SpecialTokens { present: tokens, named: vec![(self.picture.image.clone(), self.picture.token)] }
    }
}
