//! The id of a line that is not a record.

use std::cell::RefCell;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::super::record::name;

/// An id as in a record.
#[derive(Deserialize)]
struct Id(#[serde(deserialize_with = "name")] Option<String>);

/// The id of a malformed line, or of the beginning of a long one, if it precedes whatever is wrong.
pub(super) fn id_of(line: &[u8]) -> Option<String> {
    struct Search<'a>(&'a RefCell<Option<String>>);

    impl<'de> DeserializeSeed<'de> for Search<'_> {
        type Value = ();

        fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
            deserializer.deserialize_map(self)
        }
    }

    impl<'de> Visitor<'de> for Search<'_> {
        type Value = ();

        fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
            formatter.write_str("a record")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            while let Some(key) = map.next_key::<String>()? {
                match key.as_str() {
                    "id" => *self.0.borrow_mut() = map.next_value::<Id>()?.0,
                    _ => drop(map.next_value::<IgnoredAny>()?),
                }
            }
            Ok(())
        }
    }

    let found = RefCell::new(None);
    let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
    // What is wrong with the line was reported before.
    let _ = Search(&found).deserialize(&mut serde_json::Deserializer::from_slice(line));
    found.into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_found_before_what_is_wrong() {
        for (line, id) in [
            (&br#"{"id": 7, "image": "a.p"#[..], Some("7")),
            (br#"{"text": {"a": [1]}, "id": "x", "x": }"#, Some("x")),
            (b"{\"id\": \"x\", \"text\": \"\xff\"}", Some("x")),
            (br#"{"text": , "id": "x"}"#, None),
            (br#"{"id": [7]}"#, None),
            (br#"{"id": null}"#, None),
            (b"[1]", None),
            (b"", None),
        ] {
            assert_eq!(id_of(line).as_deref(), id, "{}", line.escape_ascii());
        }
    }
}
