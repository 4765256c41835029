//! JSON in and out.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::failure::Failure;

/// An answer of JSON.
pub fn answer(status: StatusCode, value: &impl Serialize) -> Response {
    // Values without maps of odd keys always serialise.
    let text = serde_json::to_string(value).unwrap_or_default();
    typed(status, HeaderValue::from_static("application/json"), text)
}

/// An answer of plain text, as subtitles and transcripts are.
pub fn plain(text: String) -> Response {
    typed(StatusCode::OK, HeaderValue::from_static("text/plain; charset=utf-8"), text)
}

/// An answer of another type.
pub fn typed(status: StatusCode, kind: HeaderValue, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// Reads a body of JSON.
pub fn read<T: DeserializeOwned>(headers: &HeaderMap, body: &Bytes) -> Result<T, Failure> {
    // A web page can send other types to any address without asking first.
    if !is(headers, "application/json") {
        return Err(Failure::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "the body must be JSON, with `Content-Type: application/json`",
        ));
    }
    serde_json::from_slice(body).map_err(|error| Failure::invalid(format!("the body is not as expected: {error}")))
}

/// Whether the body is of this media type.
pub fn is(headers: &HeaderMap, kind: &str) -> bool {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(kind)
}
