//! The providers of a model: one list for all its graphs, or one per graph.

use super::Provider;
use crate::config::by_graph::{ByGraph, GraphValue};

impl GraphValue for Vec<Provider> {
    const EXPECTED: &'static str =
        "a list of execution providers, or one by graph such as {encoder: [cuda, cpu], default: [cpu]}";
}

/// The execution providers of each graph of a model, in order of preference.
#[derive(Debug, Clone, PartialEq)]
pub struct Providers {
    graphs: ByGraph<Vec<Provider>>,
    device: Vec<Provider>,
}

impl Providers {
    /// The same providers for every graph.
    pub fn all(list: Vec<Provider>) -> Self {
        Providers { graphs: ByGraph::default(), device: list }
    }

    /// The providers of a model, or those of the device for graphs without their own.
    pub(in crate::config) fn of_model(own: ByGraph<Vec<Provider>>, device: &[Provider]) -> Self {
        Providers { graphs: own, device: device.to_vec() }
    }

    /// The providers of the graph with this role.
    pub fn of(&self, role: &str) -> &[Provider] {
        self.graphs.of(role).unwrap_or(&self.device)
    }

    /// The graphs that are named.
    pub fn graphs(&self) -> impl Iterator<Item = &str> {
        self.graphs.graphs.keys().map(String::as_str)
    }

    /// Every provider that any graph may have.
    pub fn iter(&self) -> impl Iterator<Item = &Provider> {
        let device = self.graphs.others.is_none().then_some(&self.device);
        self.graphs.graphs.values().chain(&self.graphs.others).chain(device).flatten()
    }
}
