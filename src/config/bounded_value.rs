//! Parses YAML into a [`Value`] of bounded size, however often its aliases repeat.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Visitor};
use serde_yaml::{Mapping, Value};

use crate::support::shown::shown;

/// Scalars, lists and mappings of one document.
const MOST_VALUES: usize = 300_000;

/// Total bytes of its texts. A file has at most 1 MiB; the rest is for aliases.
const MOST_TEXT: usize = 8 << 20;

/// Remaining budget of a document.
pub(super) struct Budget {
    values: usize,
    text: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Budget { values: MOST_VALUES, text: MOST_TEXT }
    }
}

impl Budget {
    fn spend<E: Error>(&mut self, text: usize) -> Result<(), E> {
        match (self.values.checked_sub(1), self.text.checked_sub(text)) {
            (Some(values), Some(text)) => {
                *self = Budget { values, text };
                Ok(())
            }
            _ => Err(E::custom("the document is too large once its aliases are expanded")),
        }
    }
}

/// Deserializes any YAML within a budget.
pub(super) struct Bounded<'a>(pub &'a mut Budget);

impl<'de> DeserializeSeed<'de> for Bounded<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bounded<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        self.0.spend(0).map(|()| value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        self.0.spend(0).map(|()| value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        self.0.spend(0).map(|()| value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        self.0.spend(0).map(|()| value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        self.0.spend(value.len()).map(|()| value.into())
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        self.0.spend(0).map(|()| Value::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        self.0.spend(0)?;
        let mut sequence = Vec::new();
        while let Some(entry) = entries.next_element_seed(Bounded(self.0))? {
            sequence.push(entry);
        }
        Ok(Value::Sequence(sequence))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        self.0.spend(0)?;
        let mut mapping = Mapping::new();
        while let Some(key) = entries.next_key_seed(Bounded(self.0))? {
            if mapping.contains_key(&key) {
                let key =
                    key.as_str().map_or_else(|| "a key".to_string(), |key| format!("the key `{}`", shown(key, 40)));
                return Err(A::Error::custom(format!("{key} occurs twice in one mapping")));
            }
            let value = entries.next_value_seed(Bounded(self.0))?;
            mapping.insert(key, value);
        }
        Ok(Value::Mapping(mapping))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<Value, A::Error> {
        Err(A::Error::custom("tags (`!name`) are not supported"))
    }
}
