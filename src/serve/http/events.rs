//! Server-sent events.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use hyper::body::Frame;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedReceiver;

use super::response;
use crate::serve::service::CancelOnDrop;

/// The end of a stream in OpenAI's API.
pub const DONE: &str = "[DONE]";

/// Encodes an event.
pub fn event(data: &str) -> Bytes {
    format!("data: {data}\n\n").into()
}

/// Encodes an event with JSON data.
pub fn json_event(value: &Value) -> Bytes {
    event(&value.to_string())
}

/// Events sent while the work runs. When the client disconnects, this is dropped, which cancels the work.
struct Events {
    first: Option<Bytes>,
    rest: UnboundedReceiver<Bytes>,
    _cancel: CancelOnDrop,
}

impl HttpBody for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(Ok(Frame::data(first)))),
            None => self.rest.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes)))),
        }
    }
}

/// A response of events: `first`, then those from `rest` until its senders are dropped.
pub fn answer(first: Bytes, rest: UnboundedReceiver<Bytes>, cancel: CancelOnDrop) -> Response {
    stream(Body::new(Events { first: Some(first), rest, _cancel: cancel }))
}

/// A response of events that are all known in advance.
pub fn all(events: impl IntoIterator<Item = Bytes>) -> Response {
    stream(Body::from(events.into_iter().fold(Vec::new(), |mut all, event| {
        all.extend_from_slice(&event);
        all
    })))
}

fn stream(body: Body) -> Response {
    let mut response = response::typed(StatusCode::OK, HeaderValue::from_static("text/event-stream"), body);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
