//! Access control, and what every response has: a request id, a log line, and an entry in the metrics.

use std::net::IpAddr;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Api;
use super::failure::Failure;
use crate::serve::metrics::Rejection;

const REQUEST_ID: &str = "x-request-id";

/// What precedes the key in a WebSocket's subprotocol.
const KEY_PROTOCOL: &str = "openai-insecure-api-key.";

/// The label of requests that match no route.
const NO_ROUTE: &str = "none";

/// Refuses requests by host and origin, and adds a request id to every response.
pub async fn around(State(api): State<Api>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = format!("req_{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
    let route = request.extensions().get::<MatchedPath>().map_or(NO_ROUTE, MatchedPath::as_str).to_string();
    let method = request.method().clone();
    let origin = request.headers().get(header::ORIGIN).cloned();
    let asked = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    let hosts = request.headers().get_all(header::HOST).iter().count();
    let allowed = allowed(&api, request.headers());
    let mut response = match &allowed {
        _ if hosts > 1 => Failure::invalid("there is more than one `Host` header").into_response(),
        Err(problem) => {
            api.service.metrics.rejected(Rejection::Access);
            Failure::new(StatusCode::FORBIDDEN, "forbidden", *problem).into_response()
        }
        Ok(Origin::Listed) if method == Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
        Ok(_) => next.run(request).await,
    };
    let headers = response.headers_mut();
    if let (Ok(Origin::Listed), Some(origin)) = (allowed, origin) {
        let fixed = [
            (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
            (header::ACCESS_CONTROL_EXPOSE_HEADERS, "x-request-id, retry-after"),
            (header::VARY, "origin, access-control-request-headers"),
        ];
        // Clients send headers of their own, such as `x-stainless-lang`, which have no effect here.
        let accepted = asked.unwrap_or(HeaderValue::from_static("authorization, content-type"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, accepted);
        fixed.into_iter().for_each(|(name, value)| drop(headers.insert(name, HeaderValue::from_static(value))));
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    let (status, taken) = (response.status().as_u16(), started.elapsed());
    api.service.metrics.answered(&route, status, taken);
    let ms = (taken.as_secs_f64() * 1e4).round() / 10.0;
    log::info!(request_id:% = id, method:% = method, route:% = route, status = status, ms = ms; "answered");
    response
}

/// Refuses requests without the key.
pub async fn with_key(State(api): State<Api>, request: Request, next: Next) -> Response {
    let board = api.service.board();
    let refused = board.key.as_ref().is_some_and(|key| !given(request.headers()).is_some_and(|given| key.is(given)));
    if refused {
        api.service.metrics.rejected(Rejection::Access);
        let message = "send the key of this service as `Authorization: Bearer KEY`";
        return Failure::new(StatusCode::UNAUTHORIZED, "invalid_api_key", message).into_response();
    }
    drop(board);
    next.run(request).await
}

/// The key in a request.
fn given(headers: &HeaderMap) -> Option<&str> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let bearer = text(header::AUTHORIZATION).and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    });
    // Browsers cannot add headers to a WebSocket; OpenAI's clients then send the key as a subprotocol.
    let protocols =
        || text(header::SEC_WEBSOCKET_PROTOCOL)?.split(',').find_map(|it| it.trim().strip_prefix(KEY_PROTOCOL));
    bearer.or_else(protocols)
}

/// The origin of the web page that sent a request.
#[derive(Debug, PartialEq, Eq)]
enum Origin {
    /// No page, or a page of this service.
    Own,
    /// A page of an origin listed in the device file.
    Listed,
}

/// Refuses requests that any web page could make a browser send: cross-origin requests, and requests for a host name that
/// an attacker points at this machine (DNS rebinding).
fn allowed(api: &Api, headers: &HeaderMap) -> Result<Origin, &'static str> {
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or("?"));
    let (host, board) = (text(header::HOST), api.service.board());
    if api.loopback && board.key.is_none() && host.is_some_and(|host| !is_loopback(host)) {
        return Err(
            "this service is for this machine only: use http://localhost or http://127.0.0.1, or set `api_key_file`",
        );
    }
    match text(header::ORIGIN) {
        None => Ok(Origin::Own),
        Some(origin) if board.origins.iter().any(|listed| listed == origin) => Ok(Origin::Listed),
        Some(origin) if host.is_some() && origin.split_once("://").map(|(_, host)| host) == host => Ok(Origin::Own),
        Some(_) => Err("pages of this origin may not use this service; `server.http.origins` lists those that may"),
    }
}

/// Whether a `Host` header names this machine, with or without a port.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn only_this_machine_is_loopback() {
        for host in ["localhost", "LocalHost:80", "127.0.0.1", "127.9.9.9:1", "[::1]:8080", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in
            ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "10.0.0.1", "[::2]", "::1"]
        {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
