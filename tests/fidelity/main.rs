//! Numbers against the reference implementations, through fixtures (tests/fixtures/README.md). Needs `scripts/setup.sh`.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod blip;
mod blip2;
mod blip_random;
mod encoder;
mod fixture;
mod library;
mod llm;
mod unfit;
mod vad;
mod vlm;
mod whisper;
mod words;

use std::path::Path;

/// The repository root, where relative paths in fixtures start.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
