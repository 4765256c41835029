//! Runs of the student's graph, for one record or for several callers' records at once.

use std::collections::BTreeMap;

use super::Student;
use crate::config::model_folder::Modality;
use crate::engine::{EngineError, Tensor};
use crate::error::Error;
use crate::models::batches::Batchable;
use crate::models::fusion::FusionInputs;
use crate::models::loader::Loader;

/// The graph, by its role in `model.yaml`.
const GRAPH: &str = "student";

/// The inputs of one record, by role.
pub(super) struct Feed(Vec<(&'static str, Tensor)>);

impl Batchable for Feed {
    fn fits(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self
                .0
                .iter()
                .zip(&other.0)
                .all(|(ours, theirs)| ours.0 == theirs.0 && ours.1.shape() == theirs.1.shape())
    }
}

/// What the graph computed for one record, by role.
pub(super) struct RowOutputs(BTreeMap<String, Vec<f32>>);

impl RowOutputs {
    /// An output of this length.
    pub fn take(&mut self, role: &str, length: Option<usize>) -> Result<Vec<f32>, EngineError> {
        let found = self.0.remove(role).unwrap_or_default();
        match length.is_none_or(|length| found.len() == length) {
            true => Ok(found),
            false => Err(EngineError::Shape {
                graph: GRAPH.to_string(),
                tensor: role.to_string(),
                found: vec![1, found.len()],
                expected: format!("[1, {}]", length.unwrap_or_default()),
            }),
        }
    }

    /// The embedding of one modality.
    pub fn embedding(&mut self, modality: Modality) -> Result<Vec<f32>, EngineError> {
        self.take(&format!("{}_embedding", modality.name()), None)
    }
}

/// Whether records of several callers may share a run: the graph accepts batches, and its numbers do not depend on the
/// other records, as they would with scales that int8 computes for a whole tensor.
pub(super) fn can_batch(loader: &Loader) -> bool {
    let fp32 = loader.precisions().get(GRAPH).is_some_and(|precision| precision.name == "fp32");
    let logits = loader.folder().common.graphs.get(GRAPH).and_then(|graph| graph.outputs.get("logits"));
    fp32 && logits.is_some_and(|logits| logits.fixed(0).is_none())
}

impl Student {
    /// Runs the graph on one record.
    pub(super) fn run(&self, inputs: &FusionInputs) -> Result<RowOutputs, Error> {
        let feed = Feed(self.tensors(inputs)?);
        let outputs = match &self.batches {
            Some(batches) => batches.run(feed, |batch| self.run_rows(batch)),
            None => self.run_rows(&[&feed]).map(|mut rows| rows.swap_remove(0)),
        };
        Ok(outputs?)
    }

    fn run_rows(&self, batch: &[&Feed]) -> Result<Vec<RowOutputs>, EngineError> {
        let Some(first) = batch.first() else { return Ok(Vec::new()) };
        let mut stacked = Vec::with_capacity(first.0.len());
        for (at, (role, _)) in first.0.iter().enumerate() {
            let entries: Vec<&Tensor> = batch.iter().map(|feed| &feed.0[at].1).collect();
            stacked.push((*role, Tensor::stack(&entries)?));
        }
        let fed: Vec<_> = stacked.iter().map(|(role, tensor)| (*role, std::slice::from_ref(tensor))).collect();
        let mut outputs = self.graph.run(&fed)?;
        let mut rows: Vec<RowOutputs> = batch.iter().map(|_| RowOutputs(BTreeMap::new())).collect();
        for role in self.folder.common.graphs[GRAPH].outputs.keys() {
            let tensor = outputs.take_one(role, &[Some(batch.len()), None])?;
            for (row, values) in rows.iter_mut().zip(tensor.view()?.rows()) {
                row.0.insert(role.clone(), values.to_vec());
            }
        }
        Ok(rows)
    }
}
