//! How well texts fit a picture: transformers' `BlipForImageTextRetrieval`.

use ndarray::Array1;

use super::Blip;
use crate::engine::Tensor;
use crate::error::Error;
use crate::models::generation::softmax;
use crate::models::picture::{EncodedImage, Match, MatchTexts};

impl Blip {
    /// Prepares texts for [`Blip::match_texts`].
    ///
    /// # Errors
    /// [`Error::Input`] if `texts` is empty, or one of them is empty or too long.
    pub fn match_list(&self, texts: &[String]) -> Result<MatchTexts, Error> {
        MatchTexts::read(texts, self.spec.generation.max_question_tokens, |text| self.vocabulary.encode(text, true))
    }

    /// How well each of `texts` fits the picture, in the order of `texts`.
    ///
    /// # Errors
    /// [`Error::Request`] if the model does not match; [`Error::Engine`] if a graph fails.
    pub fn match_texts(&self, image: &EncodedImage, texts: &MatchTexts) -> Result<Vec<Match>, Error> {
        self.prepare_matching()?;
        let mut found = vec![Match::default(); texts.texts.len()];
        if self.has("match_encoder") {
            self.probabilities(image, texts, &mut found)?;
        }
        if self.has("text_encoder") {
            self.embed_texts(texts)?;
            let (Some(image), Some(texts)) = (&image.embedding, texts.embeddings.get()) else {
                return Err(self.not_prepared());
            };
            let similarity = texts.dot(image);
            found.iter_mut().zip(similarity).for_each(|(found, similarity)| found.similarity = Some(similarity));
        }
        Ok(found)
    }

    /// Execution provider of the matching graph, or of the vision encoder until the matching graph is loaded.
    pub fn match_provider(&self) -> &'static str {
        let graph = self.match_encoder.get().or(self.text_encoder.get());
        graph.map_or(self.provider(), |graph| graph.provider())
    }

    /// Writes the probabilities of the matching head into `found`.
    fn probabilities(&self, image: &EncodedImage, texts: &MatchTexts, found: &mut [Match]) -> Result<(), Error> {
        let (Some(encoder), Some(embeddings)) = (self.match_encoder.get(), &image.embeddings) else {
            return Err(self.not_prepared());
        };
        for places in texts.batches() {
            let (ids, mask) = texts.padded(&places, self.spec.tokens.pad);
            let mut outputs = encoder.run(&[
                ("input_ids", &[Tensor::integer(ids)?]),
                ("attention_mask", &[Tensor::integer(mask)?]),
                ("image_embeds", std::slice::from_ref(embeddings)),
            ])?;
            let logits = outputs.take_one("match_logits", &[Some(places.len()), Some(2)])?;
            for (&at, logits) in texts.order[places].iter().zip(logits.view()?.rows()) {
                let mut probabilities = [logits[0], logits[1]];
                softmax(&mut probabilities);
                found[at].probability = Some(probabilities[1]);
            }
        }
        Ok(())
    }

    /// Computes the texts' embeddings once and keeps them.
    pub(super) fn embed_texts(&self, texts: &MatchTexts) -> Result<(), Error> {
        let length = self.folder.common.graphs["text_encoder"].outputs["text_embedding"].fixed(1);
        let Some(encoder) = self.text_encoder.get() else { return Err(self.not_prepared()) };
        texts.embed(self.spec.tokens.pad, |ids, mask| {
            let rows = ids.nrows();
            let mut outputs = encoder
                .run(&[("input_ids", &[Tensor::integer(ids)?]), ("attention_mask", &[Tensor::integer(mask)?])])?;
            outputs.take_one("text_embedding", &[Some(rows), length])
        })
    }
}

/// The embedding of one picture, `[projection]`, from the outputs of the vision encoder.
pub(super) fn embedding(tensor: &Tensor) -> Result<Array1<f32>, Error> {
    Ok(tensor.view()?.iter().copied().collect())
}
