//! Reads `model.yaml` in one pass, separating the common keys from those of the kind.
//!
//! serde's `flatten` would do the same, but loses the positions of errors and does not reject unknown keys.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, StringDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, Visitor};

use super::graph::{FileSpec, GraphSpec};
use super::{Common, Dialect, Provenance};

/// `model.yaml` as written.
pub(super) struct Keys<S> {
    pub format: u32,
    pub common: Common,
    /// The keys of the kind.
    pub spec: S,
}

impl<'de, S: Deserialize<'de>> Deserialize<'de> for Keys<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Split(PhantomData))
    }
}

struct Split<S>(PhantomData<S>);

impl<'de, S: Deserialize<'de>> Visitor<'de> for Split<S> {
    type Value = Keys<S>;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a mapping with `format`, `kind`, `name`, `files`, `graphs` and the keys of the kind")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Keys<S>, A::Error> {
        let mut rest = Rest { map, common: Written::default() };
        let spec = S::deserialize(MapAccessDeserializer::new(&mut rest))?;
        let written = rest.common;
        let missing = A::Error::missing_field;
        Ok(Keys {
            format: written.format.ok_or_else(|| missing("format"))?,
            common: Common {
                name: written.name.ok_or_else(|| missing("name"))?,
                dialect: written.dialect.ok_or_else(|| missing("dialect"))?,
                opset: written.opset.ok_or_else(|| missing("opset"))?,
                source: written.source.ok_or_else(|| missing("source"))?,
                files: written.files.ok_or_else(|| missing("files"))?,
                graphs: written.graphs.ok_or_else(|| missing("graphs"))?,
                reduced_from: written.reduced_from,
            },
            spec,
        })
    }
}

/// The common keys found so far.
#[derive(Default)]
struct Written {
    format: Option<u32>,
    name: Option<String>,
    dialect: Option<Dialect>,
    opset: Option<u32>,
    source: Option<Provenance>,
    files: Option<BTreeMap<String, FileSpec>>,
    graphs: Option<BTreeMap<String, GraphSpec>>,
    reduced_from: Option<String>,
}

/// The mapping without the common keys, which it reads in passing.
struct Rest<A> {
    map: A,
    common: Written,
}

impl<'de, A: MapAccess<'de>> Rest<A> {
    /// The next key that belongs to the kind.
    fn next_own(&mut self) -> Result<Option<String>, A::Error> {
        let Rest { map, common } = self;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "format" => common.format = Some(map.next_value()?),
                // Read before, to determine the kind.
                "kind" => drop(map.next_value::<serde::de::IgnoredAny>()?),
                "name" => common.name = Some(map.next_value()?),
                "dialect" => common.dialect = Some(map.next_value()?),
                "opset" => common.opset = Some(map.next_value()?),
                "source" => common.source = Some(map.next_value()?),
                "files" => common.files = Some(map.next_value()?),
                "graphs" => common.graphs = Some(map.next_value()?),
                "reduced_from" => common.reduced_from = Some(map.next_value()?),
                _ => return Ok(Some(key)),
            }
        }
        Ok(None)
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for &mut Rest<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        let key = self.next_own()?;
        key.map(|key| seed.deserialize(IntoDeserializer::<A::Error>::into_deserializer(key) as StringDeserializer<_>))
            .transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}
