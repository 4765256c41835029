//! Texts to embeddings.

use ndarray::{Array2, Axis, concatenate};

use super::{Encoder, to_unit_length};
use crate::config::TextRole;
use crate::config::model_folder::Modality;
use crate::engine::Tensor;
use crate::error::Error;
use crate::models::picture::MatchTexts;

impl Encoder {
    /// Tokenizes texts, with the prefix of their role.
    ///
    /// # Errors
    /// [`Error::Request`] if the model does not encode texts; [`Error::Input`] if `texts` is empty, or one of them is
    /// empty or too long.
    pub fn texts(&self, texts: &[String], role: TextRole) -> Result<MatchTexts, Error> {
        let (Some(limits), Some(vocabulary)) = (&self.spec.text, &self.vocabulary) else {
            return Err(self.cannot("this model does not encode texts"));
        };
        let prefix = match role {
            TextRole::Query => &limits.query_prefix,
            TextRole::Passage => &limits.passage_prefix,
        };
        MatchTexts::read(texts, limits.max_tokens, |text| vocabulary.encode(&format!("{prefix}{text}"), true))
    }

    /// Embeds texts, unless that was done before: vectors of length 1.
    ///
    /// # Errors
    /// [`Error::Request`] if the model does not encode texts; [`Error::Engine`] if the graph cannot be loaded or fails.
    pub fn embed_texts(&self, texts: &MatchTexts) -> Result<(), Error> {
        self.run_texts(texts, true)
    }

    /// As [`Encoder::embed_texts`], with vectors as the graph computes them.
    pub(super) fn encode_texts(&self, texts: &MatchTexts) -> Result<(), Error> {
        self.run_texts(texts, false)
    }

    fn run_texts(&self, texts: &MatchTexts, unit_length: bool) -> Result<(), Error> {
        let Some(limits) = &self.spec.text else { return Err(self.cannot("this model does not encode texts")) };
        let graph = self.tower(Modality::Text)?;
        let masked = self.folder.common.graphs["text"].inputs.contains_key("attention_mask");
        texts.embed(limits.pad, |ids, mask| {
            let rows = ids.nrows();
            let missing = if limits.fixed_length { limits.max_tokens.saturating_sub(ids.ncols()) } else { 0 };
            let ids = widened(ids, missing, limits.pad);
            let mut fed = vec![("input_ids", [Tensor::integer(ids)?])];
            if masked {
                fed.push(("attention_mask", [Tensor::integer(widened(mask, missing, 0))?]));
            }
            let fed: Vec<(&str, &[Tensor])> = fed.iter().map(|(role, tensor)| (*role, tensor.as_slice())).collect();
            let mut outputs = graph.run(&fed)?;
            let found = outputs.take_one("embedding", &[Some(rows), self.length("text")])?;
            if !unit_length {
                return Ok(found);
            }
            let mut rows: Vec<Vec<f32>> = found.view()?.rows().into_iter().map(|row| row.to_vec()).collect();
            rows.iter_mut().for_each(|row| to_unit_length(row));
            let columns = rows.first().map_or(0, Vec::len);
            Tensor::float(Array2::from_shape_fn((rows.len(), columns), |(row, at)| rows[row][at]))
        })
    }
}

/// `rows` with `more` columns of `value`.
fn widened(rows: Array2<i64>, more: usize, value: i64) -> Array2<i64> {
    if more == 0 {
        return rows;
    }
    let filling = Array2::from_elem((rows.nrows(), more), value);
    concatenate(Axis(1), &[rows.view(), filling.view()]).unwrap_or(rows)
}
