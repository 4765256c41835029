//! Constants of a BLIP model.

use serde::Deserialize;

use super::agree::{accepts_pixels, attends, fits};
use super::graph::{GraphSpec, check_decoder, graph, takes};
use super::image::ImageSpec;
use super::spec::{Graphs, KindSpec, SpecialTokens, capability};

/// Keys of a BLIP model, apart from the common ones.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlipSpec {
    /// Preprocessing of the picture.
    pub image: ImageSpec,
    /// File with the tokenizer.
    pub tokenizer: String,
    /// Special tokens.
    pub tokens: BlipTokens,
    /// Decoding constants.
    pub generation: BlipGeneration,
}

/// Special tokens of BLIP.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlipTokens {
    /// `[DEC]`: starts a caption and an answer.
    pub start: i64,
    /// `[SEP]`: ends them.
    pub end: i64,
    /// `[PAD]`
    pub pad: i64,
    /// `[CLS]`: starts a question.
    pub classify: i64,
}

/// Decoding constants of BLIP.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlipGeneration {
    /// Maximum number of new tokens in a caption, unless the device file or the command line sets another one.
    pub caption_max_tokens: usize,
    /// The same for an answer.
    pub answer_max_tokens: usize,
    /// Positions of the text model: prompt, question and answer must each fit.
    pub max_question_tokens: usize,
}

impl KindSpec for BlipSpec {
    fn check(&self, graphs: &Graphs) -> Result<(), String> {
        self.image.check()?;
        let vision = graph(graphs, "vision")?;
        vision.need("vision", &["pixel_values"], &[])?;
        accepts_pixels("vision", &vision.inputs["pixel_values"], &self.image)?;
        let (caption, question) = (graphs.contains_key("caption_decoder"), graphs.contains_key("question_encoder"));
        let (matching, contrast) = (graphs.contains_key("match_encoder"), graphs.contains_key("text_encoder"));
        if !(caption || question || matching || contrast) {
            let roles = "`caption_decoder`, `question_encoder`, `match_encoder`, `text_encoder`";
            return Err(format!("graphs: none of {roles}; at least one is needed"));
        }
        if caption {
            vision.need("vision", &[], &["cross_key", "cross_value"])?;
            check_decoder(graphs, "caption_decoder")?;
            attends(graphs, "vision", "caption_decoder")?;
        }
        if question {
            vision.need("vision", &[], &["image_embeds"])?;
            let encoder = graph(graphs, "question_encoder")?;
            encoder.need("question_encoder", &["input_ids", "image_embeds"], &["cross_key", "cross_value"])?;
            check_decoder(graphs, "answer_decoder")?;
            attends(graphs, "question_encoder", "answer_decoder")?;
            fits(graphs, ("vision", "image_embeds"), ("question_encoder", "image_embeds"))?;
        }
        if matching {
            vision.need("vision", &[], &["image_embeds"])?;
            let inputs = ["input_ids", "attention_mask", "image_embeds"];
            let encoder = graph(graphs, "match_encoder")?;
            encoder.need("match_encoder", &inputs, &["match_logits"])?;
            fits(graphs, ("vision", "image_embeds"), ("match_encoder", "image_embeds"))?;
            let logits = &encoder.outputs["match_logits"];
            takes("graphs.match_encoder.outputs", logits, &[None, Some(2)], "[texts, 2]")?;
        }
        if contrast {
            vision.need("vision", &[], &["image_embedding"])?;
            let encoder = graph(graphs, "text_encoder")?;
            encoder.need("text_encoder", &["input_ids", "attention_mask"], &["text_embedding"])?;
            let length = |spec: &GraphSpec, role: &str| spec.outputs[role].fixed(1);
            if length(vision, "image_embedding") != length(encoder, "text_embedding") {
                return Err("graphs: vision and text_encoder return embeddings of different lengths".to_string());
            }
        }
        for decoder in ["caption_decoder", "answer_decoder"].iter().filter_map(|role| graphs.get(*role)) {
            let vocabulary = decoder.outputs["logits"].fixed(1).unwrap_or(0) as i64;
            let tokens = &self.tokens;
            if ![tokens.start, tokens.end, tokens.pad, tokens.classify].iter().all(|id| (0..vocabulary).contains(id)) {
                return Err(format!("tokens: an id is outside the vocabulary of {vocabulary}"));
            }
        }
        let generation = &self.generation;
        let limits = [generation.caption_max_tokens, generation.answer_max_tokens, generation.max_question_tokens];
        if limits.iter().any(|limit| !(1..=65_536).contains(limit)) || generation.max_question_tokens < 2 {
            return Err("generation: a limit is out of range".to_string());
        }
        Ok(())
    }

    fn capabilities(&self, graphs: &Graphs) -> Vec<&'static str> {
        let has = |graph: &str| graphs.contains_key(graph);
        let tasks = [
            (has("caption_decoder"), capability::CAPTION),
            (has("question_encoder"), capability::ANSWER),
            (has("match_encoder") || has("text_encoder"), capability::MATCH),
            (has("text_encoder"), capability::EMBED),
        ];
        tasks.into_iter().filter(|(can, _)| *can).map(|(_, task)| task).collect()
    }

    fn tokenizer(&self) -> Option<&str> {
        Some(&self.tokenizer)
    }

    fn image(&self) -> Option<&ImageSpec> {
        Some(&self.image)
    }

    fn special_tokens(&self) -> SpecialTokens {
        let tokens = &self.tokens;
        let named = [("[SEP]", tokens.end), ("[PAD]", tokens.pad), ("[CLS]", tokens.classify)];
        SpecialTokens {
            present: vec![("end", tokens.end), ("pad", tokens.pad), ("classify", tokens.classify)],
            named: named.map(|(text, id)| (text.to_string(), id)).to_vec(),
        }
    }
}
