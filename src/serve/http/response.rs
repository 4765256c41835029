//! Responses.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;

/// A JSON response.
pub fn json(status: StatusCode, value: &impl Serialize) -> Response {
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
