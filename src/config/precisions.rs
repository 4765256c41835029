//! Which of a model's precisions a device loads, for all graphs or graph by graph.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// The precision where a device file names none.
const DEFAULT: &str = "fp32";

/// Stands for all graphs that are not named.
const OTHERS: &str = "default";

/// A precision by graph: `int8`, or `{encoder: int8, default: q8}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Precisions {
    others: String,
    graphs: BTreeMap<String, String>,
}

impl Default for Precisions {
    fn default() -> Self {
        Precisions { others: DEFAULT.to_string(), graphs: BTreeMap::new() }
    }
}

impl Precisions {
    /// That of the graph with this role.
    pub fn of(&self, role: &str) -> &str {
        self.graphs.get(role).unwrap_or(&self.others)
    }

    /// The graphs that are named.
    pub fn graphs(&self) -> impl Iterator<Item = &str> {
        self.graphs.keys().map(String::as_str)
    }
}

impl fmt::Display for Precisions {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        for (graph, precision) in &self.graphs {
            write!(formatter, "{graph} {precision}, ")?;
        }
        match self.graphs.is_empty() {
            true => formatter.write_str(&self.others),
            false => write!(formatter, "others {}", self.others),
        }
    }
}

impl Serialize for Precisions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Precisions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrByGraph;

        impl<'de> Visitor<'de> for OneOrByGraph {
            type Value = Precisions;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("a precision such as fp32, or one by graph such as {encoder: int8, default: q8}")
            }

            fn visit_str<E: Error>(self, precision: &str) -> Result<Precisions, E> {
                Ok(Precisions { others: precision.to_string(), graphs: BTreeMap::new() })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Precisions, A::Error> {
                let mut precisions = Precisions::default();
                while let Some((graph, precision)) = map.next_entry::<String, String>()? {
                    if graph == OTHERS {
                        precisions.others = precision;
                    } else if precisions.graphs.insert(graph.clone(), precision).is_some() {
                        return Err(A::Error::custom(format!("`{graph}` stands twice")));
                    }
                }
                Ok(precisions)
            }
        }

        deserializer.deserialize_any(OneOrByGraph)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_for_all_or_one_a_graph() {
        let read = |text: &str| serde_yaml::from_str::<Precisions>(text).unwrap();
        assert_eq!(read("int8").of("encoder"), "int8");
        let mixed = read("{encoder: int8, default: q8}");
        assert_eq!((mixed.of("encoder"), mixed.of("decoder")), ("int8", "q8"));
        assert_eq!(mixed.to_string(), "encoder int8, others q8");
        assert_eq!(read("{encoder: int8}").of("decoder"), "fp32");
        let error = serde_yaml::from_str::<Precisions>("[int8]").unwrap_err().to_string();
        assert!(error.contains("a precision such as fp32"), "{error}");
    }
}
