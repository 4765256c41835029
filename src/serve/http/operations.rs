//! Health, readiness and metrics, for whoever operates the service.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Api;
use super::failure::Failure;
use super::response;
use crate::serve::metrics::TextFormat;

/// Liveness: the process responds.
pub async fn live() -> Response {
    response::json(StatusCode::OK, &json!({"status": "ok"}))
}

/// Readiness: the service accepts work, and the files of its models exist.
pub async fn ready(State(api): State<Api>) -> Response {
    let board = api.service.board();
    let stopping = api.service.is_stopping();
    // Off the protocol threads, because it reads files.
    let problems = tokio::task::spawn_blocking(move || board.problems()).await;
    let mut problems = problems.unwrap_or_else(|_| vec!["the models cannot be checked".to_string()]);
    if stopping {
        problems.insert(0, "the service is stopping".to_string());
    }
    match problems.is_empty() {
        true => response::json(StatusCode::OK, &json!({"status": "ready"})),
        // Only the number: this route needs no key, and the messages contain paths.
        false => {
            problems.iter().for_each(|problem| log::warn!("not ready: {problem}"));
            let body = json!({"status": "not ready", "problems": problems.len()});
            response::json(StatusCode::SERVICE_UNAVAILABLE, &body)
        }
    }
}

/// Prometheus's metrics, in OpenMetrics' format if `Accept` names it.
pub async fn metrics(State(api): State<Api>, headers: HeaderMap) -> Response {
    let format = if names_openmetrics(&headers) { TextFormat::OpenMetrics } else { TextFormat::Plain };
    match api.service.metrics.text(&api.service.board(), format) {
        Ok(text) => response::typed(StatusCode::OK, HeaderValue::from_static(format.content_type()), text),
        Err(_) => {
            Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the metrics cannot be written").into_response()
        }
    }
}

fn names_openmetrics(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    let mut kinds = accepted.flat_map(|value| value.split(',')).filter_map(|range| range.split(';').next());
    kinds.any(|kind| kind.trim().eq_ignore_ascii_case("application/openmetrics-text"))
}
