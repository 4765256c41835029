//! Which of a model's precisions a device loads, for all graphs or graph by graph.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

use super::by_graph::ByGraph;

/// The default precision.
const DEFAULT: &str = "fp32";

/// The word for a precision that depends on the machine.
const AUTO: &str = "auto";

/// A precision by graph: `auto`, `int8`, or `{encoder: int8, default: q8}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Precisions(ByGraph<String>);

/// The precision that a device file requests for one graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// The one that suits the machine.
    Auto,
    /// A precision by its name in `model.yaml`.
    Named(&'a str),
}

impl Precisions {
    /// `auto` for every graph.
    pub fn auto() -> Self {
        Precisions(ByGraph { others: Some(AUTO.to_string()), ..ByGraph::default() })
    }

    /// The same precision for every graph, by its name in `model.yaml`.
    pub fn named(name: impl Into<String>) -> Self {
        Precisions(ByGraph { others: Some(name.into()), ..ByGraph::default() })
    }

    /// The precision of the graph with this role.
    pub fn of(&self, role: &str) -> Wanted<'_> {
        match self.0.of(role).map_or(DEFAULT, String::as_str) {
            AUTO => Wanted::Auto,
            name => Wanted::Named(name),
        }
    }

    /// The graphs that are named.
    pub fn graphs(&self) -> impl Iterator<Item = &str> {
        self.0.graphs.keys().map(String::as_str)
    }
}

impl fmt::Display for Precisions {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        for (graph, precision) in &self.0.graphs {
            write!(formatter, "{graph} {precision}, ")?;
        }
        let others = self.0.others.as_deref().unwrap_or(DEFAULT);
        match self.0.graphs.is_empty() {
            true => formatter.write_str(others),
            false => write!(formatter, "others {others}"),
        }
    }
}

impl Serialize for Precisions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_for_all_or_one_a_graph() {
        let read = |text: &str| serde_yaml::from_str::<Precisions>(text).unwrap();
        assert_eq!(read("int8").of("encoder"), Wanted::Named("int8"));
        assert_eq!(read("auto").of("encoder"), Wanted::Auto);
        let mixed = read("{encoder: int8, default: q8}");
        assert_eq!((mixed.of("encoder"), mixed.of("decoder")), (Wanted::Named("int8"), Wanted::Named("q8")));
        assert_eq!(mixed.to_string(), "encoder int8, others q8");
        let mixed = read("{encoder: auto, default: fp32}");
        assert_eq!((mixed.of("encoder"), mixed.of("decoder")), (Wanted::Auto, Wanted::Named("fp32")));
        assert_eq!(read("{encoder: int8}").of("decoder"), Wanted::Named("fp32"));
        for text in ["[int8]", "7"] {
            let error = serde_yaml::from_str::<Precisions>(text).unwrap_err().to_string();
            assert!(error.contains("a precision such as fp32") || error.contains("expected a string"), "{error}");
        }
    }
}
