//! What the program must know about a kind of model before loading one.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;

use super::graph::GraphSpec;
use super::image::ImageSpec;
use super::student_inputs::{EmbeddingSpec, SensorSpec, StudentInput};
use crate::config::modality::Modality;

/// The graphs of a folder, by role.
pub type Graphs = BTreeMap<String, GraphSpec>;

/// Capabilities of models, by which steps request them.
pub mod capability {
    /// Speech to text.
    pub const TRANSCRIBE: &str = "transcribe";
    /// Captions of pictures.
    pub const CAPTION: &str = "caption";
    /// Answers to questions about pictures.
    pub const ANSWER: &str = "answer questions";
    /// What pictures show, as probabilities of classes.
    pub const CLASSIFY: &str = "classify";
    /// How well texts fit pictures.
    pub const MATCH: &str = "match texts";
    /// Embeddings of pictures, texts and sounds.
    pub const EMBED: &str = "embed";
    /// Decisions from several modalities at once.
    pub const DECIDE: &str = "decide";
    /// Answers to the messages of a conversation.
    pub const CHAT: &str = "chat";
    /// Detection of speech in a recording.
    pub const DETECT_SPEECH: &str = "detect speech";

    /// All of them.
    pub const ALL: [&str; 9] = [TRANSCRIBE, CAPTION, ANSWER, CLASSIFY, MATCH, EMBED, DECIDE, CHAT, DETECT_SPEECH];
}

/// The constants of one kind of model: the keys of `model.yaml` that only this kind has.
pub trait KindSpec: Any + fmt::Debug + Send + Sync {
    /// Checks the constants, and that the graphs have the tensors that the kind's code feeds and reads.
    ///
    /// # Errors
    /// The invalid key, and what it accepts.
    fn check(&self, graphs: &Graphs) -> Result<(), String>;

    /// Capabilities of a model with these graphs: those in [`capability`], or others for a kind's own step.
    fn capabilities(&self, graphs: &Graphs) -> Vec<&'static str>;

    /// The file with its tokenizer, if it has one.
    fn tokenizer(&self) -> Option<&str> {
        None
    }

    /// Further files that it reads, apart from graphs and tokenizer.
    fn files(&self) -> Vec<&str> {
        Vec::new()
    }

    /// Codes of the languages that it understands, if that is known.
    fn languages(&self) -> Vec<&str> {
        Vec::new()
    }

    /// Preprocessing of pictures, if the model accepts any.
    fn image(&self) -> Option<&ImageSpec> {
        None
    }

    /// What the messages of a chat may contain apart from text.
    fn attachments(&self) -> Vec<Modality> {
        Vec::new()
    }

    /// Inputs of a decision, if the model decides.
    fn decision_inputs(&self) -> Vec<StudentInput> {
        Vec::new()
    }

    /// What it accepts of another model's embedding of a modality, if it accepts one.
    fn embedded(&self, modality: Modality) -> Option<&EmbeddingSpec> {
        let _ = modality;
        None
    }

    /// The graph of a model with these graphs that computes features of a modality for other models, by role, and their
    /// number; `None` if there is none.
    fn features(&self, graphs: &Graphs, modality: Modality) -> Option<(&'static str, usize)> {
        let _ = (graphs, modality);
        None
    }

    /// Sensors whose readings it accepts, in the order of its input vector.
    fn sensors(&self) -> &[SensorSpec] {
        &[]
    }

    /// Special tokens, which are compared with the tokenizer's.
    fn special_tokens(&self) -> SpecialTokens {
        SpecialTokens::default()
    }

    /// Size of the vocabulary if the tokenizer has `count` tokens and the logits have `rows` rows. Larger than `count`
    /// if tokenizers omit some tokens.
    fn vocabulary_size(&self, count: usize, rows: usize) -> usize {
        let _ = rows;
        count
    }
}

/// Special tokens that `model.yaml` names.
#[derive(Debug, Default)]
pub struct SpecialTokens {
    /// By key: tokens that every tokenizer of the kind has.
    pub present: Vec<(&'static str, i64)>,
    /// By text: tokens that the tokenizer, if it has them, must have under this id.
    pub named: Vec<(String, i64)>,
}
