//! Files to samples and pixels, compared with the reference implementations, and with invalid files.
//!
//! `tests/fixtures/README.md` says where the fixtures come from.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod audio;
mod containers;
mod ffmpeg;
mod fuzz;
mod gaps;
mod image;
mod joined;
mod live;
mod log_mel;
mod log_mel_stream;
mod opus;
mod pictures;
mod reader;
mod wording;

use std::path::PathBuf;

/// A file of `tests/fixtures/media`.
fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/media").join(name)
}

/// A file of `tests/data`.
fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn json(name: &str) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(fixture(name)).unwrap()).unwrap()
}

/// Little-endian 32-bit floats.
fn floats(name: &str) -> Vec<f32> {
    let bytes = std::fs::read(fixture(name)).unwrap();
    bytes.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
}
