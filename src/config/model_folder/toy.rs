//! Constants of the toy, the example of what a new kind needs.

use serde::Deserialize;

use super::graph::graph;
use super::spec::{Graphs, KindSpec};

/// Keys of a toy, apart from the common ones.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToySpec {
    /// Sample rate in Hz of its input.
    pub sample_rate: u32,
}

impl KindSpec for ToySpec {
    fn check(&self, graphs: &Graphs) -> Result<(), String> {
        graph(graphs, "toy")?.need("toy", &["samples"], &["power"])
    }

    fn capabilities(&self, _graphs: &Graphs) -> Vec<&'static str> {
        vec!["measure loudness"]
    }
}
