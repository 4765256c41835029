//! JSON requests and responses.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::failure::Failure;

/// A JSON response.
pub fn answer(status: StatusCode, value: &impl Serialize) -> Response {
    // Serialization fails only for maps whose keys are not strings; there are none.
    let text = serde_json::to_string(value).unwrap_or_default();
    typed(status, HeaderValue::from_static("application/json"), text)
}

/// A plain-text response, for subtitles and transcripts.
pub fn plain(text: String) -> Response {
    typed(StatusCode::OK, HeaderValue::from_static("text/plain; charset=utf-8"), text)
}

/// A response of another media type.
pub fn typed(status: StatusCode, kind: HeaderValue, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

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
