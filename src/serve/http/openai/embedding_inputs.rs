//! The field `input` of `POST /v1/embeddings`: a text, or a list of texts, pictures and sounds.
//!
//! It is read item by item, so that a long list is refused before it takes memory.

use std::fmt;

use edgefuse::Record;
use edgefuse::pipeline::{Bytes, Picture, Sound};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::serve::http::failure::Failure;
use crate::serve::http::openai::data_url;

/// Maximum number of inputs in one request.
const MOST_INPUTS: usize = 256;

const TOKENS: &str = "`input` must contain texts, not tokens";

/// The inputs.
pub struct Inputs(Vec<Item>);

/// One input.
enum Item {
    Text(String),
    Image(File),
    Audio(File),
}

/// A file inside the request.
enum File {
    Url(String),
    Bytes(Bytes),
}

/// The name of an input in messages.
pub fn name(index: usize) -> String {
    format!("input[{index}]")
}

impl Inputs {
    /// A record for each input.
    pub fn into_records(self) -> Result<Vec<Record>, Failure> {
        if self.0.is_empty() {
            return Err(Failure::field("input", format!("must be 1 to {MOST_INPUTS} texts, pictures or sounds")));
        }
        let records = self.0.into_iter().enumerate().map(|(index, item)| {
            let (record, name) = (Record::default().with_id(name(index)), name(index));
            Ok(match item {
                Item::Text(text) if text.trim().is_empty() => return Err(Failure::field(&name, "the text is empty")),
                Item::Text(text) => record.with_text(text),
                Item::Image(file) => record.with_image(file.picture(&name)?),
                Item::Audio(file) => record.with_audio(file.sound(&name)?),
            })
        });
        records.collect()
    }
}

impl File {
    fn picture(self, name: &str) -> Result<Picture, Failure> {
        Ok(match self {
            File::Url(url) => Picture::from_bytes(data_url::read(name, "image/jpeg", &url)?),
            File::Bytes(bytes) => Picture::Bytes(bytes),
        })
    }

    fn sound(self, name: &str) -> Result<Sound, Failure> {
        Ok(match self {
            File::Url(url) => Sound::from_bytes(data_url::read(name, "audio/wav", &url)?),
            File::Bytes(bytes) => Sound::Bytes(bytes),
        })
    }
}

impl<'de> Deserialize<'de> for Inputs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct One;

        impl<'de> Visitor<'de> for One {
            type Value = Inputs;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter
                    .write_str("`input`: a text, or a list of texts and of objects with `text`, `image` or `audio`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Inputs, E> {
                Ok(Inputs(vec![Item::Text(text.to_string())]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Inputs, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    if items.len() == MOST_INPUTS {
                        return Err(A::Error::custom(format!("`input` has more than {MOST_INPUTS} entries")));
                    }
                    items.push(item);
                }
                Ok(Inputs(items))
            }
        }

        deserializer.deserialize_any(One)
    }
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// Exactly one of them.
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Fields {
            text: Option<String>,
            image: Option<File>,
            audio: Option<File>,
        }

        struct One;

        impl<'de> Visitor<'de> for One {
            type Value = Item;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("a text, or an object with `text`, `image` or `audio`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Item, E> {
                Ok(Item::Text(text.to_string()))
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<Item, E> {
                Err(E::custom(TOKENS))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Item, A::Error> {
                Err(A::Error::custom(TOKENS))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Item, A::Error> {
                match Fields::deserialize(MapAccessDeserializer::new(map))? {
                    Fields { text: Some(text), image: None, audio: None } => Ok(Item::Text(text)),
                    Fields { text: None, image: Some(file), audio: None } => Ok(Item::Image(file)),
                    Fields { text: None, image: None, audio: Some(file) } => Ok(Item::Audio(file)),
                    _ => Err(A::Error::custom("an object in `input` has exactly one of `text`, `image` and `audio`")),
                }
            }
        }

        deserializer.deserialize_any(One)
    }
}

impl<'de> Deserialize<'de> for File {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct One;

        impl<'de> Visitor<'de> for One {
            type Value = File;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("a data URL, or {\"base64\": \"...\"} with the bytes of a file")
            }

            fn visit_str<E: Error>(self, url: &str) -> Result<File, E> {
                Ok(File::Url(url.to_string()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<File, A::Error> {
                Bytes::deserialize(MapAccessDeserializer::new(map)).map(File::Bytes)
            }
        }

        deserializer.deserialize_any(One)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Vec<Record>, String> {
        let inputs: Inputs = serde_json::from_str(json).map_err(|error| error.to_string())?;
        inputs.into_records().map_err(|failure| failure.json()["error"]["message"].to_string())
    }

    #[test]
    fn every_form_of_input_becomes_a_record() {
        assert_eq!(read(r#""a""#).unwrap(), [Record::default().with_id("input[0]").with_text("a")]);
        let list = r#"["a", {"text": "b"}, {"image": "data:image/png;base64,AQI="}, {"audio": {"base64": "Aw=="}}]"#;
        let of = |index: usize| Record::default().with_id(name(index));
        let expected = [
            of(0).with_text("a"),
            of(1).with_text("b"),
            of(2).with_image(Picture::from_bytes(vec![1, 2])),
            of(3).with_audio(Sound::from_bytes(vec![3])),
        ];
        assert_eq!(read(list).unwrap(), expected);
    }

    #[test]
    fn as_many_inputs_as_the_limit_and_no_more() {
        let list = |count| format!("[{}]", vec!["\"a\""; count].join(","));
        assert_eq!(read(&list(MOST_INPUTS)).unwrap().len(), MOST_INPUTS);
        assert!(read(&list(MOST_INPUTS + 1)).unwrap_err().contains("more than 256 entries"));
        // What comes after the limit is not read.
        let cut_off = list(MOST_INPUTS + 1).replace(']', ",");
        assert!(read(&cut_off).unwrap_err().contains("more than 256 entries"));
    }

    #[test]
    fn reports_what_is_wrong() {
        for (json, expected) in [
            ("[]", "must be 1 to 256 texts"),
            ("null", "a text, or a list of texts"),
            (r#"["a", " "]"#, "input[1]`: the text is empty"),
            ("[1, 2]", "not tokens"),
            ("[[1, 2], [3]]", "not tokens"),
            ("[null]", "a text, or an object"),
            ("[{}]", "exactly one of"),
            (r#"[{"text": "a", "image": "data:,"}]"#, "exactly one of"),
            (r#"[{"video": "a"}]"#, "unknown field `video`"),
            (r#"[{"image": 3}]"#, "a data URL, or"),
            (r#"[{"image": [1, 2]}]"#, "a data URL, or"),
            (r#"[{"image": {"base64": "*"}}]"#, "base64"),
            (r#"[{"image": "/etc/passwd"}]"#, "only data URLs are accepted (`data:image/jpeg"),
            (r#"[{"audio": "http://127.0.0.1/a.wav"}]"#, "only data URLs are accepted (`data:audio/wav"),
        ] {
            let problem = read(json).unwrap_err();
            assert!(problem.contains(expected), "{json}: {problem}");
        }
    }
}
