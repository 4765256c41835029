//! Reads request bodies within the limits on one body, on all bodies together, and on time.

use std::future::poll_fn;
use std::pin::Pin;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::StatusCode;
use edgefuse::config::Limits;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout};

use super::failure::Failure;
use crate::serve::board::Board;
use crate::serve::metrics::{Metrics, Rejection};

/// Maximum number of bytes to discard from a body that is too large, so that the client can read the response instead of
/// seeing a reset connection.
const MOST_DROPPED: u64 = 64 << 20;

/// Memory is reserved in steps of this many bytes.
const STEP: usize = 64 << 10;

/// A body, with its reservation of memory for request bodies.
pub struct Held {
    pub bytes: Bytes,
    pub permit: Option<OwnedSemaphorePermit>,
}

/// Reads a body to its end.
pub async fn read(board: &Board, metrics: &Metrics, mut body: Body) -> Result<Held, Failure> {
    let limits = &board.limits;
    let deadline = Instant::now() + limits.body_time;
    let most = limits.body.bytes();
    let too_large = || {
        let message = format!("the body is larger than {}, the limit of this service", limits.body);
        Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
    };
    let declared = body.size_hint().exact();
    if declared.is_some_and(|bytes| bytes > most) {
        discard(&mut body, limits, deadline).await;
        return Err(too_large());
    }
    let no_room = || {
        metrics.rejected(Rejection::Memory);
        Failure::busy("other requests fill the memory for bodies; try again later")
    };
    let mut bytes = Vec::new();
    let mut permit: Option<OwnedSemaphorePermit> = None;
    let mut counted = 0;
    while let Some(chunk) = next(&mut body, limits, deadline).await? {
        if (bytes.len() + chunk.len()) as u64 > most {
            discard(&mut body, limits, deadline).await;
            return Err(too_large());
        }
        if bytes.len() + chunk.len() > counted {
            let more = (bytes.len() + chunk.len() - counted).next_multiple_of(STEP);
            let room = board.room_for(more).ok_or_else(no_room)?;
            match &mut permit {
                Some(permit) => permit.merge(room),
                none => *none = Some(room),
            }
            counted += more;
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Held { bytes: bytes.into(), permit })
}

/// The next bytes; `None` at the end.
async fn next(body: &mut Body, limits: &Limits, deadline: Instant) -> Result<Option<Bytes>, Failure> {
    let late = |_| Failure::new(StatusCode::REQUEST_TIMEOUT, "timeout", "the body arrived too slowly");
    loop {
        let left = deadline.saturating_duration_since(Instant::now()).min(limits.stall);
        let frame = timeout(left, poll_fn(|context| Pin::new(&mut *body).poll_frame(context))).await.map_err(late)?;
        match frame {
            None => return Ok(None),
            Some(Err(error)) => return Err(Failure::invalid(format!("the body ended early: {error}"))),
            // Other frames are trailers, which nothing here reads.
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => return Ok(Some(data)),
                Err(_) => continue,
            },
        }
    }
}

async fn discard(body: &mut Body, limits: &Limits, deadline: Instant) {
    let mut dropped = 0;
    while let Ok(Some(chunk)) = next(body, limits, deadline).await {
        dropped += chunk.len() as u64;
        if dropped > MOST_DROPPED {
            return;
        }
    }
}
