//! Errors in the form that OpenAI's clients expect.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use edgefuse::Error;
use edgefuse::engine::EngineError;
use edgefuse::index::IndexError;
use edgefuse::request::Stopped;
use edgefuse::wording::in_plain_words;
use serde_json::{Value, json};

use crate::serve::service::Trouble;

/// Seconds after which a client may try again.
const RETRY_AFTER: u32 = 1;

/// An error response.
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    /// Short, stable name.
    code: &'static str,
    /// What, where, and what to do, in one line.
    message: String,
    /// The invalid field of the request.
    param: Option<String>,
    retry: bool,
}

impl Failure {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        let message = in_plain_words(&message.into().replace(['\n', '\r'], " "));
        Failure { status, code, message, param: None, retry: false }
    }

    /// An invalid request.
    pub fn invalid(message: impl Into<String>) -> Self {
        Failure::new(StatusCode::BAD_REQUEST, "invalid_request", message)
    }

    /// A request with an invalid field.
    pub fn field(name: &str, problem: impl std::fmt::Display) -> Self {
        let failure = Failure::invalid(format!("`{name}`: {problem}"));
        Failure { param: Some(name.to_string()), ..failure }
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Failure::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub fn model_not_found(name: &str, known: &str) -> Self {
        let message = format!("no model is called `{name}`; there are {known}");
        let failure = Failure::new(StatusCode::NOT_FOUND, "model_not_found", message);
        Failure { param: Some("model".to_string()), ..failure }
    }

    pub fn method() -> Self {
        Failure::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this path does not support the method")
    }

    /// A refusal because of load; the client may retry.
    pub fn busy(message: impl Into<String>) -> Self {
        let failure = Failure::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", message);
        Failure { retry: true, ..failure }
    }

    /// The JSON object of the error.
    pub fn json(&self) -> Value {
        let kind = match self.status {
            StatusCode::UNAUTHORIZED => "authentication_error",
            StatusCode::FORBIDDEN => "permission_error",
            status if status.is_server_error() => "server_error",
            _ => "invalid_request_error",
        };
        json!({"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}})
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            error if error.is_about_input() => Failure::new(StatusCode::BAD_REQUEST, "invalid_input", message),
            Error::UnknownModel { name, known, .. } => Failure::model_not_found(&name, &known),
            Error::Config(_) | Error::Request { .. } | Error::NoModel { .. } | Error::SeveralModels { .. } => {
                Failure::invalid(message)
            }
            Error::Index(IndexError::Filter { problem, .. }) => Failure::field("where", problem),
            Error::Index(IndexError::Unusable { .. } | IndexError::OtherModel { .. }) => Failure::invalid(message),
            Error::Index(IndexError::NotAnIndex { .. }) => Failure::not_found(message),
            Error::Index(IndexError::Busy { .. }) => Failure::busy(message),
            Error::Overloaded { .. } => Failure::busy(message),
            Error::Engine(EngineError::Stopped(Stopped::DeadlinePassed)) => {
                Failure::new(StatusCode::GATEWAY_TIMEOUT, "timeout", "processing took longer than `work_time` allows")
            }
            Error::Engine(EngineError::Stopped(_)) => {
                Failure::new(StatusCode::SERVICE_UNAVAILABLE, "cancelled", message)
            }
            Error::Budget { .. } => Failure::new(StatusCode::INSUFFICIENT_STORAGE, "memory", message),
            _ => Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message),
        }
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Library(error) => error.into(),
            Trouble::Full => Failure::busy("the queue of requests is full; try again later"),
            Trouble::Stopping => Failure::busy("the service is stopping"),
            Trouble::Panicked => {
                Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "processing failed; see the service's log")
            }
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        if self.status.is_server_error() && !self.retry {
            log::warn!("http: {}: {}", self.status, self.message);
        }
        let mut response = super::response::json(self.status, &self.json());
        let headers = response.headers_mut();
        if self.retry {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_the_status_that_says_whose_they_are() {
        let status = |error: Error| Failure::from(error).status.as_u16();
        assert_eq!(status(Error::Input { problem: "x".into() }), 400);
        assert_eq!(status(Error::Request { model: "m".into(), problem: "x".into() }), 400);
        assert_eq!(status(Error::Overloaded { waiting: 3 }), 503);
        assert_eq!(status(EngineError::Stopped(Stopped::DeadlinePassed).into()), 504);
        assert_eq!(status(Error::Unfit { model: "m".into(), graphs: "g".into() }), 500);
    }

    #[test]
    fn an_overload_says_when_to_come_back() {
        let response = Failure::from(Trouble::Full).into_response();
        assert_eq!((response.status().as_u16(), response.headers()["retry-after"].as_bytes()), (503, &b"1"[..]));
        let failure = Failure::field("a", "b\nc");
        assert_eq!(failure.json()["error"]["message"], "`a`: b c");
        assert_eq!(failure.json()["error"]["param"], "a");
    }

    #[test]
    fn types_are_those_of_json() {
        let failure = Failure::field("a", "invalid type: map, expected usize");
        let expected = "`a`: invalid type: a mapping, expected a whole number, 0 or more";
        assert_eq!(failure.json()["error"]["message"], expected);
    }
}
