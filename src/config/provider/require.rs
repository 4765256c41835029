//! The share of a graph's nodes that must run on given providers.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::Provider;
use crate::config::by_graph::ByGraph;
use crate::config::named::Named;

/// `require` of a model, by graph.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Required(ByGraph<Requirement>);

/// Requirement on one graph.
#[derive(Debug, Clone, PartialEq)]
pub enum Requirement {
    /// `[tensorrt, cuda]`: every node runs on one of these.
    Only(Vec<String>),
    /// `{tensorrt: 0.9}`: at least this share of the nodes, above 0 and up to 1, runs on each.
    Shares(BTreeMap<String, f64>),
}

impl Required {
    /// The requirement on the graph with this role, if there is one.
    pub fn of(&self, role: &str) -> Option<&Requirement> {
        self.0.of(role)
    }

    /// The graphs that are named.
    pub fn graphs(&self) -> impl Iterator<Item = &str> {
        self.0.graphs.keys().map(String::as_str)
    }
}

/// `[cuda]`, `{cuda: 0.9}`, or either by graph: `{encoder: [cuda], default: {cuda: 0.5}}`.
impl<'de> Deserialize<'de> for Required {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Forms;

        impl<'de> Visitor<'de> for Forms {
            type Value = Required;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str(
                    "execution providers such as [cuda], shares such as {cuda: 0.9}, or either by graph such as \
                     {encoder: [cuda], default: {cuda: 0.5}}",
                )
            }

            fn visit_seq<A: SeqAccess<'de>>(self, sequence: A) -> Result<Required, A::Error> {
                let requirement = Requirement::deserialize(SeqAccessDeserializer::new(sequence))?;
                Ok(Required(ByGraph { others: Some(requirement), graphs: BTreeMap::new() }))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Required, A::Error> {
                let (mut shares, mut graphs) = (BTreeMap::new(), BTreeMap::new());
                while let Some((key, value)) = map.next_entry::<String, ShareOrNested>()? {
                    match value {
                        ShareOrNested::Share(share) => {
                            let share = checked::<A::Error>(&key, share)?;
                            shares.insert(key, share);
                        }
                        ShareOrNested::Nested(requirement) => {
                            graphs.insert(key, requirement);
                        }
                    }
                }
                match (shares.is_empty(), graphs.is_empty()) {
                    (true, _) => Ok(Required(ByGraph { others: graphs.remove("default"), graphs })),
                    (false, true) => Ok(Required(ByGraph { others: Some(Requirement::Shares(shares)), graphs })),
                    (false, false) => Err(A::Error::custom("shares and graphs in one mapping; set shares by graph")),
                }
            }
        }

        deserializer.deserialize_any(Forms)
    }
}

impl<'de> Deserialize<'de> for Requirement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match ShareOrNested::deserialize(deserializer)? {
            ShareOrNested::Nested(requirement) => Ok(requirement),
            ShareOrNested::Share(_) => Err(D::Error::custom("a share without its execution provider")),
        }
    }
}

/// A share, or the requirement on a whole graph.
enum ShareOrNested {
    Share(f64),
    Nested(Requirement),
}

impl<'de> Deserialize<'de> for ShareOrNested {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Value;

        impl<'de> Visitor<'de> for Value {
            type Value = ShareOrNested;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("a share of the nodes (above 0, up to 1), or execution providers")
            }

            fn visit_f64<E: Error>(self, share: f64) -> Result<ShareOrNested, E> {
                Ok(ShareOrNested::Share(share))
            }

            fn visit_u64<E: Error>(self, share: u64) -> Result<ShareOrNested, E> {
                Ok(ShareOrNested::Share(share as f64))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, sequence: A) -> Result<ShareOrNested, A::Error> {
                let names = Vec::<String>::deserialize(SeqAccessDeserializer::new(sequence))?;
                if names.is_empty() {
                    return Err(A::Error::custom("no execution provider is named"));
                }
                names.iter().try_for_each(|name| known::<A::Error>(name))?;
                Ok(ShareOrNested::Nested(Requirement::Only(names)))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ShareOrNested, A::Error> {
                let shares = BTreeMap::<String, f64>::deserialize(MapAccessDeserializer::new(map))?;
                for (name, &share) in &shares {
                    checked::<A::Error>(name, share)?;
                }
                Ok(ShareOrNested::Nested(Requirement::Shares(shares)))
            }
        }

        deserializer.deserialize_any(Value)
    }
}

fn known<E: Error>(name: &str) -> Result<(), E> {
    match Provider::names().contains(&name) {
        true => Ok(()),
        false => {
            let names = Provider::names().join(", ");
            Err(E::custom(format!("unknown execution provider `{name}`, expected one of {names}")))
        }
    }
}

fn checked<E: Error>(name: &str, share: f64) -> Result<f64, E> {
    known::<E>(name)?;
    match share > 0.0 && share <= 1.0 {
        true => Ok(share),
        false => Err(E::custom(format!("`{name}`: a share of {share} is not above 0 and up to 1"))),
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Requirement::Only(names) => write!(formatter, "every node on {}", names.join(" or ")),
            Requirement::Shares(shares) => {
                let shares = shares.iter().map(|(name, share)| format!("{} % on {name}", share * 100.0));
                formatter.write_str(&shares.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Required, String> {
        serde_yaml::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn for_all_graphs_or_by_graph() {
        let only = Requirement::Only(vec!["tensorrt".into(), "cuda".into()]);
        assert_eq!(read("[tensorrt, cuda]").unwrap().of("encoder"), Some(&only));
        let share = Requirement::Shares([("cuda".to_string(), 0.9)].into());
        assert_eq!(read("{cuda: 0.9}").unwrap().of("decoder"), Some(&share));
        let mixed = read("{encoder: [tensorrt, cuda], default: {cuda: 0.9}}").unwrap();
        assert_eq!((mixed.of("encoder"), mixed.of("decoder")), (Some(&only), Some(&share)));
        assert_eq!(read("{encoder: {cuda: 1}}").unwrap().of("decoder"), None);
    }

    #[test]
    fn reports_what_is_wrong() {
        for (text, expected) in [
            ("[gpu]", "unknown execution provider `gpu`, expected one of tensorrt"),
            ("{gpu: 0.5}", "unknown execution provider `gpu`"),
            ("{cuda: 90}", "a share of 90 is not above 0 and up to 1"),
            ("{cuda: 0}", "a share of 0 is not"),
            ("{cuda: .nan}", "a share of NaN is not"),
            ("{encoder: {cuda: -1.0}}", "a share of -1 is not"),
            ("[]", "no execution provider"),
            ("{cuda: 0.5, encoder: [cuda]}", "shares and graphs in one mapping"),
            ("cuda", "shares such as {cuda: 0.9}"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
