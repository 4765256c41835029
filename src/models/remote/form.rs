//! Whether an answer has the form that was asked for. Servers may ignore `response_format`.

use serde_json::Value;

use super::one_line::first_line;
use crate::config::Form;

/// The answer in its form: without the fence that models put around JSON, and a choice as its text.
///
/// # Errors
/// One line: how it differs.
pub(super) fn formed(form: &Form, text: &str) -> Result<String, String> {
    let text = unfenced(text.trim());
    match form {
        Form::Choices(texts) => {
            let plain = serde_json::from_str::<String>(text).unwrap_or_else(|_| text.to_string());
            match texts.contains(&plain) {
                true => Ok(plain),
                false => Err("it is none of `choices`".to_string()),
            }
        }
        Form::Schema(schema) => {
            let value: Value = serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
            let validator = jsonschema::validator_for(schema).map_err(|error| format!("the schema: {error}"))?;
            match validator.iter_errors(&value).next() {
                None => Ok(text.to_string()),
                Some(error) => Err(first_line(&format!("{error} (at `{}`)", error.instance_path()))),
            }
        }
    }
}

fn unfenced(text: &str) -> &str {
    let inner = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    inner.map_or(text, |inner| inner.strip_prefix("json").unwrap_or(inner).trim())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_must_have_their_form() {
        let choices = Form::Choices(vec!["ok".to_string(), "stop".to_string()]);
        assert_eq!(formed(&choices, " \"stop\"\n").unwrap(), "stop");
        assert_eq!(formed(&choices, "ok").unwrap(), "ok");
        assert!(formed(&choices, "okay").unwrap_err().contains("none of `choices`"));
        let schema = json!({"type": "object", "properties": {"open": {"type": "boolean"}}, "required": ["open"]});
        let schema = Form::Schema(schema);
        assert_eq!(formed(&schema, "```json\n{\"open\": true}\n```").unwrap(), "{\"open\": true}");
        assert!(formed(&schema, "{\"open\": 1}").unwrap_err().contains("/open"));
        assert!(formed(&schema, "Yes.").unwrap_err().contains("not JSON"));
        let remote = Form::Schema(json!({"$ref": "http://example.com/schema.json"}));
        assert!(formed(&remote, "{}").unwrap_err().starts_with("the schema:"));
    }
}
