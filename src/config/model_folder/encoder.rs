//! Constants of an encoder: a model of pictures, texts or sounds to vectors.

use serde::Deserialize;

use super::agree::{accepts_log_mel, accepts_pixels};
use super::audio::AudioSpec;
use super::graph::{GraphSpec, graph, takes};
use super::image::ImageSpec;
use super::spec::{Graphs, KindSpec, SpecialTokens, capability};
use crate::config::modality::Modality;

/// Maximum length of an embedding, and maximum number of classes.
const LONGEST_VECTOR: usize = 65_536;

/// Longest text in tokens, and longest prefix in bytes.
const LONGEST_TEXT: usize = 65_536;

/// Keys of an encoder, apart from the common ones.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncoderSpec {
    /// Preprocessing of pictures, if it encodes them.
    pub image: Option<ImageSpec>,
    /// File with the names of the classes, one per line, if the picture graph returns their probabilities.
    pub classes: Option<String>,
    /// File with the tokenizer, if it encodes texts.
    pub tokenizer: Option<String>,
    /// Limits of texts, if it encodes them.
    pub text: Option<EncoderText>,
    /// Log-mel constants, if it encodes sounds.
    pub audio: Option<AudioSpec>,
    /// From the similarity of a picture and a text to the probability that they belong together, if the model was
    /// trained for it.
    pub matching: Option<EncoderMatching>,
}

/// Limits and form of an encoder's texts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncoderText {
    /// Maximum number of tokens, including special ones.
    pub max_tokens: usize,
    /// The token that fills up shorter texts of a batch.
    pub pad: i64,
    /// Whether every text is filled up to `max_tokens`, as the model expects it.
    #[serde(default)]
    pub fixed_length: bool,
    /// Precedes texts that search for others.
    #[serde(default)]
    pub query_prefix: String,
    /// Precedes all other texts.
    #[serde(default)]
    pub passage_prefix: String,
}

/// The probability that a picture and a text belong together: sigmoid(`scale` * similarity + `bias`).
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncoderMatching {
    /// Factor of the cosine similarity.
    pub scale: f32,
    /// Added after that.
    pub bias: f32,
}

/// A graph of an encoder: its role and the modality that it encodes.
const TOWERS: [(&str, Modality); 3] =
    [("picture", Modality::Image), ("text", Modality::Text), ("sound", Modality::Audio)];

impl EncoderSpec {
    /// The modalities that an encoder with these graphs embeds.
    pub fn embeds(graphs: &Graphs) -> Vec<Modality> {
        TOWERS.into_iter().filter(|(role, _)| graphs.contains_key(*role)).map(|(_, modality)| modality).collect()
    }

    fn check_picture(&self, picture: &GraphSpec) -> Result<(), String> {
        let Some(image) = &self.image else {
            return Err("image: is missing, but there is a graph `picture`".to_string());
        };
        image.check()?;
        picture.need("picture", &["pixel_values"], &["embedding"])?;
        accepts_pixels("picture", &picture.inputs["pixel_values"], image)?;
        let probabilities = picture.outputs.get("probabilities");
        match (&self.classes, probabilities) {
            (Some(_), None) => picture.need("picture", &[], &["probabilities"]),
            (None, Some(_)) => Err("classes: is missing, but the graph `picture` returns probabilities".to_string()),
            (None, None) => Ok(()),
            (Some(_), Some(tensor)) => {
                takes("graphs.picture.outputs", tensor, &[None, None], "[pictures, CLASSES]")?;
                match tensor.fixed(1).is_some_and(|classes| (1..=LONGEST_VECTOR).contains(&classes)) {
                    true => Ok(()),
                    false => {
                        Err("graphs.picture.outputs.probabilities.shape: must be [pictures, CLASSES] with a number \
                                  up to 65536"
                            .to_string())
                    }
                }
            }
        }
    }

    fn check_text(&self, text: &GraphSpec) -> Result<(), String> {
        let (Some(limits), Some(_)) = (&self.text, &self.tokenizer) else {
            return Err("text and tokenizer: both are needed, because there is a graph `text`".to_string());
        };
        text.need("text", &["input_ids"], &["embedding"])?;
        let longest = limits.query_prefix.len().max(limits.passage_prefix.len());
        if !(1..=LONGEST_TEXT).contains(&limits.max_tokens) || longest > LONGEST_TEXT || limits.pad < 0 {
            return Err("text: max_tokens, pad or a prefix is out of range".to_string());
        }
        Ok(())
    }

    fn check_sound(&self, sound: &GraphSpec) -> Result<(), String> {
        let Some(audio) = &self.audio else {
            return Err("audio: is missing, but there is a graph `sound`".to_string());
        };
        audio.check()?;
        sound.need("sound", &["log_mel"], &["embedding"])?;
        accepts_log_mel("sound", &sound.inputs["log_mel"], audio)
    }
}

impl KindSpec for EncoderSpec {
    fn check(&self, graphs: &Graphs) -> Result<(), String> {
        let mut length = None;
        for (role, _) in TOWERS {
            let Some(tower) = graphs.get(role) else { continue };
            match role {
                "picture" => self.check_picture(tower)?,
                "text" => self.check_text(tower)?,
                _ => self.check_sound(tower)?,
            }
            let embedding = &tower.outputs["embedding"];
            takes(&format!("graphs.{role}.outputs"), embedding, &[None, None], "[batch, LENGTH]")?;
            let own = embedding.fixed(1).filter(|own| (1..=LONGEST_VECTOR).contains(own));
            if own.is_none() || length.is_some_and(|length| Some(length) != own) {
                return Err(format!(
                    "graphs.{role}.outputs.embedding.shape: is {}; every graph must return the same length, up to 65536",
                    embedding.shape_text()
                ));
            }
            length = own;
        }
        let described = [
            ("image", "picture", self.image.is_some()),
            ("classes", "picture", self.classes.is_some()),
            ("text", "text", self.text.is_some()),
            ("tokenizer", "text", self.tokenizer.is_some()),
            ("audio", "sound", self.audio.is_some()),
        ];
        if let Some((key, role, _)) = described.iter().find(|(_, role, is)| *is && !graphs.contains_key(*role)) {
            return Err(format!("{key}: is given, but there is no graph `{role}`"));
        }
        if let Some(matching) = &self.matching {
            graph(graphs, "picture").and(graph(graphs, "text")).map_err(|problem| format!("matching: {problem}"))?;
            if !matching.scale.is_finite() || !matching.bias.is_finite() {
                return Err("matching: scale and bias must be numbers".to_string());
            }
        }
        match length {
            Some(_) => Ok(()),
            None => Err("graphs: none of `picture`, `text` and `sound`; at least one is needed".to_string()),
        }
    }

    fn capabilities(&self, graphs: &Graphs) -> Vec<&'static str> {
        let has = |role: &str| graphs.contains_key(role);
        let tasks = [
            (self.classes.is_some(), capability::CLASSIFY),
            (has("picture") && has("text"), capability::MATCH),
            (true, capability::EMBED),
        ];
        tasks.into_iter().filter(|(can, _)| *can).map(|(_, task)| task).collect()
    }

    fn tokenizer(&self) -> Option<&str> {
        self.tokenizer.as_deref()
    }

    fn files(&self) -> Vec<&str> {
        self.classes.as_deref().into_iter().collect()
    }

    fn image(&self) -> Option<&ImageSpec> {
        self.image.as_ref()
    }

    fn features(&self, graphs: &Graphs, modality: Modality) -> Option<(&'static str, usize)> {
        let (role, _) = TOWERS.into_iter().find(|(_, encoded)| *encoded == modality)?;
        Some((role, graphs.get(role)?.outputs.get("embedding")?.fixed(1)?))
    }

    fn special_tokens(&self) -> SpecialTokens {
        let pad = self.text.as_ref().map(|text| ("pad", text.pad));
        SpecialTokens { present: pad.into_iter().collect(), named: Vec::new() }
    }
}
