//! Constants of a student.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::audio::AudioSpec;
use super::graph::{GraphSpec, graph};
use super::image::ImageSpec;

/// What a student needs beside the common keys.
#[derive(Debug, Clone)]
pub struct StudentSpec {
    /// The modalities it takes, in the order of the columns of `presence`.
    pub modalities: Vec<Modality>,
    /// Names of the logits, in order.
    pub labels: Vec<String>,
    /// Preprocessing of the picture, if it takes one.
    pub image: Option<ImageSpec>,
    /// File with the tokenizer, if it takes text.
    pub tokenizer: Option<String>,
    /// Limits of the text, if it takes one.
    pub text: Option<StudentText>,
    /// Log-mel constants, if it takes sound.
    pub audio: Option<AudioSpec>,
}

/// One kind of input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Modality {
    /// A picture.
    Image,
    /// A text.
    Text,
    /// A sound.
    Audio,
}

impl Modality {
    /// The word in `modalities:` and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Modality::Image => "image",
            Modality::Text => "text",
            Modality::Audio => "audio",
        }
    }
}

/// Limits of a student's text.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudentText {
    /// Most tokens, with the special ones.
    pub max_tokens: usize,
    /// The one token that is fed when there is no text.
    pub pad: i64,
}

impl StudentSpec {
    /// Whether the student takes this modality.
    pub fn takes(&self, modality: Modality) -> bool {
        self.modalities.contains(&modality)
    }

    pub(super) fn check(&self, graphs: &BTreeMap<String, GraphSpec>) -> Result<(), String> {
        let student = graph(graphs, "student")?;
        student.need("student", &["presence"], &["logits", "embedding"])?;
        let mut seen = self.modalities.clone();
        seen.sort_unstable();
        seen.dedup();
        if seen.is_empty() || seen.len() != self.modalities.len() {
            return Err("modalities: must name at least one, each once".to_string());
        }
        for modality in &self.modalities {
            let (inputs, output, told): (&[&str], _, _) = match modality {
                Modality::Image => (&["image"], "image_embedding", self.image.is_some()),
                Modality::Text => {
                    let told = self.text.is_some() && self.tokenizer.is_some();
                    (&["input_ids", "attention_mask"], "text_embedding", told)
                }
                Modality::Audio => (&["log_mel"], "audio_embedding", self.audio.is_some()),
            };
            student.need("student", inputs, &[output])?;
            if !told {
                return Err(format!("modalities: `{}` is there, but not the keys that describe it", modality.name()));
            }
        }
        if let Some(image) = &self.image {
            image.check()?;
        }
        if let Some(audio) = &self.audio {
            audio.check()?;
        }
        if self.text.as_ref().is_some_and(|text| !(1..=65_536).contains(&text.max_tokens)) {
            return Err("text.max_tokens: out of range".to_string());
        }
        if self.labels.is_empty() {
            return Err("labels: empty".to_string());
        }
        if student.outputs["logits"].fixed(1) != Some(self.labels.len()) {
            return Err(format!("labels: {} of them, but `logits` has another number", self.labels.len()));
        }
        Ok(())
    }
}
