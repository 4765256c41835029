//! `response_format` of chat completions. A language model writes JSON that fits the schema. The other models write one plain
//! text; as JSON, it is the value of one property.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::serve::http::failure::Failure;
use crate::serve::http::json::or_default;

#[derive(Deserialize)]
pub struct ResponseFormat {
    #[serde(rename = "type")]
    kind: String,
    json_schema: Option<JsonSchema>,
}

#[derive(Deserialize)]
struct JsonSchema {
    #[serde(default, deserialize_with = "or_default")]
    schema: Map<String, Value>,
}

#[derive(Deserialize, Default)]
struct Schema {
    #[serde(default)]
    properties: Map<String, Value>,
    #[serde(default)]
    required: Vec<String>,
}

/// The form of an answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Form {
    Text,
    /// An object with one property; its name is that of the text's kind if `None`.
    Object(Option<String>),
}

impl ResponseFormat {
    /// The form that is asked for.
    pub fn form(self) -> Result<Form, Failure> {
        match self.kind.as_str() {
            "text" => Ok(Form::Text),
            "json_object" => Ok(Form::Object(None)),
            "json_schema" => {
                let given = self.json_schema.map(|it| it.schema).unwrap_or_default();
                let schema: Schema = serde_json::from_value(Value::Object(given))
                    .map_err(|error| Failure::field("response_format", error))?;
                schema.property().map(|name| Form::Object(Some(name)))
            }
            other => Err(unknown(other)),
        }
    }

    /// The JSON Schema of a language model's answer; `None` for plain text.
    pub fn schema(self) -> Result<Option<Value>, Failure> {
        match self.kind.as_str() {
            "text" => Ok(None),
            "json_object" => Ok(Some(json!({"type": "object"}))),
            "json_schema" => match self.json_schema {
                Some(given) => Ok(Some(Value::Object(given.schema))),
                None => Err(Failure::field("response_format", "`json_schema` is missing")),
            },
            other => Err(unknown(other)),
        }
    }
}

fn unknown(kind: &str) -> Failure {
    Failure::field("response_format", format!("`{kind}` is not text, json_object or json_schema"))
}

impl Schema {
    /// The property that holds the text.
    fn property(self) -> Result<String, Failure> {
        let names: Vec<String> = match self.required.is_empty() {
            true => self.properties.keys().cloned().collect(),
            false => self.required,
        };
        let is_text = |name: &String| {
            let property = &self.properties.get(name)?;
            let plain = ["enum", "const", "pattern"].iter().all(|key| property.get(key).is_none());
            (property.get("type")? == "string" && plain).then_some(())
        };
        match names.as_slice() {
            [one] if is_text(one).is_some() => Ok(one.clone()),
            _ => {
                let problem = format!(
                    "these models write one plain text, so a schema may require one property only, of type string; this \
                     one requires {}",
                    if names.is_empty() { "none".to_string() } else { names.join(", ") }
                );
                Err(Failure::field("response_format", problem))
            }
        }
    }
}

impl Form {
    /// A text of this kind (`caption`, `answer`, `transcript`) in this form.
    pub fn write(&self, kind: &str, text: &str) -> String {
        match self {
            Form::Text => text.to_string(),
            Form::Object(name) => json!({name.as_deref().unwrap_or(kind): text}).to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(value: Value) -> Result<Form, String> {
        let format: ResponseFormat = serde_json::from_value(value).unwrap();
        format.form().map_err(|failure| failure.json()["error"]["message"].to_string())
    }

    #[test]
    fn a_text_fills_one_property() {
        let schema = |properties: Value, required: Value| json!({"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object", "properties": properties, "required": required}}});
        let text = json!({"type": "string"});
        assert_eq!(form(json!({"type": "text"})), Ok(Form::Text));
        assert_eq!(
            form(json!({"type": "json_object"})).unwrap().write("caption", "a \"b\""),
            r#"{"caption":"a \"b\""}"#
        );
        let one = form(schema(json!({"scene": text, "other": {"type": "number"}}), json!(["scene"]))).unwrap();
        assert_eq!(one.write("caption", "a b"), r#"{"scene":"a b"}"#);
        assert_eq!(form(schema(json!({"scene": text}), json!([]))), Ok(Form::Object(Some("scene".to_string()))));
        for (format, expected) in [
            (
                schema(json!({"scene": text, "level": {"type": "integer"}}), json!(["scene", "level"])),
                "requires scene, level",
            ),
            (schema(json!({"scene": {"type": "string", "enum": ["a"]}}), json!(["scene"])), "requires scene"),
            (json!({"type": "json_schema"}), "requires none"),
            (json!({"type": "yaml"}), "`yaml` is not text"),
        ] {
            let error = form(format).unwrap_err();
            assert!(error.contains(expected), "{expected}: {error}");
        }
    }
}
