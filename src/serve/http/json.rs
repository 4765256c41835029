//! JSON in requests and answers.

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::{DeserializeOwned, Deserializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failure::Failure;

/// Parses a JSON body.
pub fn read<T: DeserializeOwned>(headers: &HeaderMap, body: &Bytes) -> Result<T, Failure> {
    // A web page can send other media types to any address without a CORS preflight.
    if !is(headers, "application/json") {
        return Err(Failure::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "the body must be JSON, with `Content-Type: application/json`",
        ));
    }
    serde_json::from_slice(body).map_err(|error| Failure::invalid(format!("the body is not as expected: {error}")))
}

/// Whether the body has this media type.
pub fn is(headers: &HeaderMap, kind: &str) -> bool {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(kind)
}

/// For fields with `#[serde(default)]`: `null` stands for the default, too, as in most of OpenAI's fields.
pub fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A value in which 32-bit numbers have the digits that they need, as everywhere else: as JSON values they would be widened.
pub fn shortest(value: &(impl Serialize + ?Sized)) -> Value {
    let text = serde_json::to_string(value).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}
