//! The form of a language model's answer.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::config::ConfigError;
use crate::support::small_file::{self, SmallFileError};

/// Maximum size of a schema.
const LARGEST: u64 = 1 << 20;

/// The form that an answer must have.
#[derive(Debug, Clone, PartialEq)]
pub enum Form {
    /// JSON that this JSON Schema accepts.
    Schema(Value),
    /// One of these texts.
    Choices(Vec<String>),
}

/// A JSON Schema: the name of a file, or the schema itself.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged, expecting = "a schema must be the name of a file, or a JSON Schema")]
pub enum Schema {
    /// A file with the schema.
    File(PathBuf),
    /// The schema.
    Inline(serde_json::Map<String, Value>),
}

impl Schema {
    /// The schema.
    ///
    /// # Errors
    /// [`ConfigError`] for a file that cannot be read, is larger than 1 MiB, or is not a JSON object.
    pub fn load(&self) -> Result<Value, ConfigError> {
        match self {
            Schema::Inline(keys) => Ok(Value::Object(keys.clone())),
            Schema::File(path) => {
                let text = small_file::read_text(path, LARGEST).map_err(|error| match error {
                    SmallFileError::Io(source) => ConfigError::Read { path: path.clone(), source },
                    error => wrong(path, 0, error.to_string()),
                })?;
                match serde_json::from_str(&text) {
                    Ok(schema @ Value::Object(_)) => Ok(schema),
                    Ok(_) => Err(wrong(path, 0, "a JSON Schema is an object".to_string())),
                    Err(error) => Err(wrong(path, error.line(), format!("not JSON: {error}"))),
                }
            }
        }
    }
}

fn wrong(path: &Path, line: usize, problem: String) -> ConfigError {
    ConfigError::Texts { path: path.to_path_buf(), line, problem }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_schema_is_a_file_or_a_mapping() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("verdict.json");
        fs::write(&path, r#"{"type": "object"}"#).unwrap();
        let named: Schema = serde_yaml::from_str(&path.display().to_string()).unwrap();
        let inline: Schema = serde_yaml::from_str("{type: object}").unwrap();
        assert_eq!(named.load().unwrap(), inline.load().unwrap());
        for (text, expected) in [("[]", "a JSON Schema is an object"), ("{", "not JSON"), ("", "not JSON")] {
            fs::write(&path, text).unwrap();
            let error = named.load().unwrap_err().to_string();
            assert!(error.contains("verdict.json") && error.contains(expected), "{error}");
        }
        fs::remove_file(&path).unwrap();
        assert!(named.load().unwrap_err().to_string().contains("cannot read"));
        assert!(serde_yaml::from_str::<Schema>("3").is_err());
    }
}
