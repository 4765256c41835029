//! Finds the line and column of a key in YAML text, for errors that only appear after parsing (such as a missing file).

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Line and column (from 1) of the value at `keys` (keys of mappings and numbers of list entries, outermost first), or
/// `(0, 0)`.
///
/// `serde_yaml` reports positions only in errors, so the text is parsed again, and an error is raised on purpose when
/// the value is reached.
pub(super) fn locate(text: &str, keys: &[&str]) -> (usize, usize) {
    match (Seek { keys }).deserialize(serde_yaml::Deserializer::from_str(text)) {
        Err(error) => error.location().map_or((0, 0), |place| (place.line(), place.column())),
        Ok(()) => (0, 0),
    }
}

struct Seek<'a> {
    keys: &'a [&'a str],
}

impl<'de> DeserializeSeed<'de> for Seek<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seek<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Err(E::custom("here"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        let Some((first, rest)) = self.keys.split_first() else {
            return Err(A::Error::custom("here"));
        };
        let wanted: usize = first.parse().unwrap_or(usize::MAX);
        for _ in 0..wanted {
            if sequence.next_element::<IgnoredAny>()?.is_none() {
                return Ok(());
            }
        }
        sequence.next_element_seed(Seek { keys: rest }).map(|_| ())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Err(E::custom("here"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((first, rest)) = self.keys.split_first() else {
            return Err(A::Error::custom("here"));
        };
        while let Some(key) = map.next_key::<String>()? {
            if key == *first {
                return map.next_value_seed(Seek { keys: rest });
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::locate;

    #[test]
    fn finds_a_nested_value() {
        let text = "device: x\nmodels:\n  blip: {path: a}\n  whisper:\n    path: onnx/none\n";
        assert_eq!(locate(text, &["models", "whisper", "path"]), (5, 11));
        assert_eq!(locate(text, &["models", "absent"]), (0, 0));
        assert_eq!(locate("steps:\n  - a\n  - b: 1\n", &["steps", "1"]), (3, 5));
    }
}
