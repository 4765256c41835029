//! How well texts fit a picture: transformers' `BlipForImageTextRetrieval`.

use std::ops::Range;
use std::sync::OnceLock;

use ndarray::{Array1, Array2};

use super::Blip;
use crate::engine::Tensor;
use crate::error::Error;
use crate::models::generation::softmax;
use crate::models::picture::{EncodedImage, Match, MatchTexts};

/// Maximum number of tokens in a batch, padding included. Bounds the memory for attention to the picture's patches.
const MOST_TOKENS: usize = 512;

/// Maximum number of texts in a batch.
const MOST_TEXTS: usize = 32;

impl Blip {
    /// Prepares texts for [`Blip::match_texts`].
    ///
    /// # Errors
    /// [`Error::Input`] if `texts` is empty, or one of them is empty or too long.
    pub fn match_list(&self, texts: &[String]) -> Result<MatchTexts, Error> {
        let positions = self.spec.generation.max_question_tokens;
        let encode = |text: &String| {
            let tokens = self.vocabulary.encode(text.trim(), true)?;
            let start: String = text.chars().take(40).collect();
            let problem = match tokens.len() {
                _ if text.trim().is_empty() => "a text is empty".to_string(),
                length if length > positions => {
                    format!("text `{start}...` has {length} tokens; the model accepts up to {positions}")
                }
                _ => return Ok(tokens),
            };
            Err(Error::Input { problem })
        };
        let tokens: Vec<Vec<i64>> = texts.iter().map(encode).collect::<Result<_, Error>>()?;
        if tokens.is_empty() {
            return Err(Error::Input { problem: "no text to match".to_string() });
        }
        let mut order: Vec<usize> = (0..tokens.len()).collect();
        order.sort_by_key(|&at| tokens[at].len());
        Ok(MatchTexts { texts: texts.to_vec(), tokens, order, embeddings: OnceLock::new() })
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
        for places in batches(texts) {
            let (ids, mask) = padded(texts, &places, self.spec.tokens.pad);
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
        if texts.embeddings.get().is_some() {
            return Ok(());
        }
        let length = self.folder.common.graphs["text_encoder"].outputs["text_embedding"].fixed(1);
        let Some(encoder) = self.text_encoder.get() else { return Err(self.not_prepared()) };
        let mut embeddings: Option<Array2<f32>> = None;
        for places in batches(texts) {
            let (ids, mask) = padded(texts, &places, self.spec.tokens.pad);
            let mut outputs = encoder
                .run(&[("input_ids", &[Tensor::integer(ids)?]), ("attention_mask", &[Tensor::integer(mask)?])])?;
            let batch = outputs.take_one("text_embedding", &[Some(places.len()), length])?;
            for (&at, embedding) in texts.order[places].iter().zip(batch.view()?.rows()) {
                let embeddings = embeddings.get_or_insert_with(|| Array2::zeros((texts.texts.len(), embedding.len())));
                embeddings.row_mut(at).assign(&embedding);
            }
        }
        if let Some(embeddings) = embeddings {
            texts.embeddings.get_or_init(|| embeddings);
        }
        Ok(())
    }
}

/// The embedding of one picture, `[projection]`, from the outputs of the vision encoder.
pub(super) fn embedding(tensor: &Tensor) -> Result<Array1<f32>, Error> {
    Ok(tensor.view()?.iter().copied().collect())
}

/// Splits the texts, in their `order`, into batches of bounded size.
fn batches(texts: &MatchTexts) -> Vec<Range<usize>> {
    let mut batches: Vec<Range<usize>> = Vec::new();
    for (place, &at) in texts.order.iter().enumerate() {
        // The longest text of a batch is its last.
        let length = texts.tokens[at].len();
        match batches.last_mut() {
            Some(batch) if batch.len() < MOST_TEXTS && (batch.len() + 1) * length <= MOST_TOKENS => {
                batch.end = place + 1;
            }
            _ => batches.push(place..place + 1),
        }
    }
    batches
}

/// Token ids and mask of a batch, `[texts, tokens]`.
fn padded(texts: &MatchTexts, places: &Range<usize>, pad: i64) -> (Array2<i64>, Array2<i64>) {
    let rows: Vec<&[i64]> = texts.order[places.clone()].iter().map(|&at| texts.tokens[at].as_slice()).collect();
    let shape = (rows.len(), rows.iter().map(|row| row.len()).max().unwrap_or(0));
    let ids = Array2::from_shape_fn(shape, |(row, at)| rows[row].get(at).copied().unwrap_or(pad));
    let mask = Array2::from_shape_fn(shape, |(row, at)| i64::from(at < rows[row].len()));
    (ids, mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(lengths: &[usize]) -> MatchTexts {
        let tokens: Vec<Vec<i64>> = lengths.iter().map(|&length| vec![7; length]).collect();
        let mut order: Vec<usize> = (0..tokens.len()).collect();
        order.sort_by_key(|&at| tokens[at].len());
        MatchTexts { texts: vec![String::new(); tokens.len()], tokens, order, embeddings: OnceLock::new() }
    }

    #[test]
    fn batches_hold_every_text_and_no_more_tokens_than_fit() {
        let mut lengths = vec![5; 100];
        lengths.extend([512, 300, 200, 12]);
        let texts = texts(&lengths);
        let batches = batches(&texts);
        assert_eq!(batches.iter().cloned().flatten().collect::<Vec<_>>(), (0..104).collect::<Vec<_>>());
        for batch in batches {
            let longest = batch.clone().map(|place| texts.tokens[texts.order[place]].len()).max().unwrap();
            assert!(batch.len() <= MOST_TEXTS && batch.len() * longest <= MOST_TOKENS, "{batch:?}");
        }
    }

    #[test]
    fn shorter_texts_are_padded_and_masked() {
        let texts = texts(&[3, 1]);
        let rows: Vec<usize> = texts.order.iter().map(|&at| texts.tokens[at].len()).collect();
        assert_eq!(rows, [1, 3]);
        let (ids, mask) = padded(&texts, &(0..2), 0);
        assert_eq!(ids, ndarray::array![[7, 0, 0], [7, 7, 7]]);
        assert_eq!(mask, ndarray::array![[1, 0, 0], [1, 1, 1]]);
    }
}
