//! Constants of the toy, the kind that shows what a new kind takes.

use serde::Deserialize;

use super::graph::graph;
use super::spec::{Graphs, KindSpec};

/// What a toy needs beside the common keys.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToySpec {
    /// Sample rate in Hz of the sound it takes.
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
