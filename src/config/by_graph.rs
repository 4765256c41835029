//! A value for all graphs of a model, or one for each: `int8`, or `{encoder: int8, default: q8}`.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{SeqAccessDeserializer, StrDeserializer};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Key for all graphs that are not named.
const OTHERS: &str = "default";

/// Values of a device file for a model's graphs; other graphs get the reader's default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ByGraph<T> {
    /// The value of all graphs that are not named.
    pub others: Option<T>,
    /// Values by role.
    pub graphs: BTreeMap<String, T>,
}

/// A value of one graph.
pub(super) trait GraphValue: Sized {
    /// Both forms, for messages: `a precision such as fp32, or ...`.
    const EXPECTED: &'static str;
}

impl GraphValue for String {
    const EXPECTED: &'static str =
        "a precision such as fp32 or auto, or one by graph such as {encoder: int8, default: q8}";
}

impl<T> ByGraph<T> {
    /// The value of the graph with this role, if the file sets one.
    pub fn of(&self, role: &str) -> Option<&T> {
        self.graphs.get(role).or(self.others.as_ref())
    }

    /// Applies `change` to each value.
    pub fn map<U>(self, change: impl Fn(T) -> U) -> ByGraph<U> {
        let graphs = self.graphs.into_iter().map(|(graph, value)| (graph, change(value)));
        ByGraph { graphs: graphs.collect(), others: self.others.map(&change) }
    }
}

impl<T> Default for ByGraph<T> {
    fn default() -> Self {
        ByGraph { others: None, graphs: BTreeMap::new() }
    }
}

impl<'de, T: GraphValue + Deserialize<'de>> Deserialize<'de> for ByGraph<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrByGraph<T>(PhantomData<T>);

        impl<'de, T: GraphValue + Deserialize<'de>> Visitor<'de> for OneOrByGraph<T> {
            type Value = ByGraph<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str(T::EXPECTED)
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
                let others = T::deserialize(StrDeserializer::new(value))?;
                Ok(ByGraph { others: Some(others), graphs: BTreeMap::new() })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, sequence: A) -> Result<Self::Value, A::Error> {
                let others = T::deserialize(SeqAccessDeserializer::new(sequence))?;
                Ok(ByGraph { others: Some(others), graphs: BTreeMap::new() })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut values = ByGraph::default();
                while let Some((graph, value)) = map.next_entry::<String, T>()? {
                    let repeated = match graph.as_str() {
                        OTHERS => values.others.replace(value).is_some(),
                        _ => values.graphs.insert(graph.clone(), value).is_some(),
                    };
                    if repeated {
                        return Err(A::Error::custom(format!("duplicate graph `{graph}`")));
                    }
                }
                Ok(values)
            }
        }

        deserializer.deserialize_any(OneOrByGraph(PhantomData))
    }
}
