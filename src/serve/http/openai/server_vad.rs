//! `server_vad` of OpenAI's API: how speech is found in recordings (`chunking_strategy`) and in live sound
//! (`turn_detection`).

use edgefuse::config::VadOptions;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::serve::http::failure::Failure;

/// The field of a form about a recording.
const CHUNKING: &str = "chunking_strategy";

/// The fields of [`ServerVad`].
const KEYS: [&str; 4] = ["type", "threshold", "prefix_padding_ms", "silence_duration_ms"];

/// Options of voice activity detection under OpenAI's names. What is absent stays as in the device file.
#[derive(Debug, Deserialize)]
pub struct ServerVad {
    #[serde(rename = "type")]
    kind: Option<String>,
    threshold: Option<f64>,
    prefix_padding_ms: Option<u32>,
    silence_duration_ms: Option<u32>,
}

impl ServerVad {
    /// The options, as changes of `usual`. Errors name `field`.
    pub fn options(&self, field: &str, usual: VadOptions) -> Result<VadOptions, Failure> {
        let wrong = |problem: String| Failure::field(field, problem);
        if let Some(kind) = self.kind.as_ref().filter(|kind| *kind != "server_vad") {
            return Err(wrong(format!("`{kind}` is not supported; `server_vad` is")));
        }
        let mut options = usual;
        options.threshold = self.threshold.unwrap_or(options.threshold);
        options.pad_ms = self.prefix_padding_ms.unwrap_or(options.pad_ms);
        options.min_silence_ms = self.silence_duration_ms.unwrap_or(options.min_silence_ms);
        options.check().map_err(wrong)?;
        Ok(options)
    }
}

/// `chunking_strategy` of a form: `auto`, an object, or an object's fields in parts such as `chunking_strategy[type]`.
#[derive(Default)]
pub struct Chunking(Map<String, Value>);

impl Chunking {
    /// Reads a part of the form; `false` if it is another field.
    pub fn take(&mut self, name: &str, text: &str) -> Result<bool, Failure> {
        let Some(rest) = name.strip_prefix(CHUNKING) else { return Ok(false) };
        let value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.trim().to_string()));
        let key = rest.strip_prefix('[').and_then(|key| key.strip_suffix(']'));
        match (key, value) {
            (Some(key), value) => self.insert(key, value)?,
            (None, _) if !rest.is_empty() => return Ok(false),
            (None, Value::Object(fields)) => fields.into_iter().try_for_each(|(key, it)| self.insert(&key, it))?,
            // Speech is detected first unless the device file or `vad` says otherwise.
            (None, Value::Null) => {}
            (None, Value::String(text)) if text == "auto" => {}
            (None, _) => return Err(Failure::field(CHUNKING, "must be `auto` or an object of the type `server_vad`")),
        }
        Ok(true)
    }

    fn insert(&mut self, key: &str, value: Value) -> Result<(), Failure> {
        match KEYS.contains(&key) {
            true => drop(self.0.insert(key.to_string(), value)),
            false => return Err(Failure::field(&format!("{CHUNKING}[{key}]"), "unknown field")),
        }
        Ok(())
    }

    /// The options that were chosen, as changes of `usual`; `None` if there were none.
    pub fn options(self, usual: VadOptions) -> Result<Option<VadOptions>, Failure> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let chosen: ServerVad =
            serde_json::from_value(Value::Object(self.0)).map_err(|error| Failure::field(CHUNKING, error))?;
        chosen.options(CHUNKING, usual).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parts: &[(&str, &str)]) -> Result<Option<VadOptions>, String> {
        let mut chunking = Chunking::default();
        let outcome = parts.iter().try_for_each(|(name, text)| chunking.take(name, text).map(|_| ()));
        let outcome = outcome.and_then(|()| chunking.options(VadOptions::default()));
        outcome.map_err(|failure| failure.json()["error"]["message"].as_str().unwrap().to_string())
    }

    #[test]
    fn an_object_comes_whole_or_field_by_field() {
        let expected = VadOptions { threshold: 0.4, pad_ms: 300, min_silence_ms: 200, ..VadOptions::default() };
        let fields = [
            ("chunking_strategy[type]", "server_vad"),
            ("chunking_strategy[threshold]", "0.4"),
            ("chunking_strategy[prefix_padding_ms]", "300"),
            ("chunking_strategy[silence_duration_ms]", "200"),
        ];
        assert_eq!(read(&fields), Ok(Some(expected)));
        let whole = r#"{"type": "server_vad", "threshold": 0.4, "prefix_padding_ms": 300, "silence_duration_ms": 200}"#;
        assert_eq!(read(&[("chunking_strategy", whole)]), Ok(Some(expected)));
        assert_eq!(read(&[fields[0]]), Ok(Some(VadOptions::default())));
        for nothing in ["auto", "\"auto\"", "null"] {
            assert_eq!(read(&[("chunking_strategy", nothing)]), Ok(None), "{nothing}");
        }
        assert!(!Chunking::default().take("chunking", "auto").unwrap());
        assert!(!Chunking::default().take("chunking_strategy_2", "auto").unwrap());
    }

    #[test]
    fn reports_what_is_wrong() {
        for (name, text, expected) in [
            ("chunking_strategy", "fast", "must be `auto` or an object"),
            ("chunking_strategy", "3", "must be `auto` or an object"),
            ("chunking_strategy[type]", "semantic_vad", "`semantic_vad` is not supported; `server_vad` is"),
            ("chunking_strategy[treshold]", "0.4", "`chunking_strategy[treshold]`: unknown field"),
            ("chunking_strategy", r#"{"size": 3}"#, "`chunking_strategy[size]`: unknown field"),
            ("chunking_strategy[threshold]", "high", "invalid type"),
            ("chunking_strategy[threshold]", "2", "threshold: 2 is not between 0 and 1"),
        ] {
            let problem = read(&[(name, text)]).unwrap_err();
            assert!(problem.contains(expected), "{name}={text}: {problem}");
        }
    }
}
