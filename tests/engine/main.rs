//! The engine with small graphs that do not match `model.yaml` (tests/fixtures/engine, made by
//! scripts/dev.py make_fixtures_engine), and models shared by threads. Needs `scripts/setup.sh` for ONNX Runtime.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod boundary;
mod external_data;
mod pool;
mod rows;
mod threads;

use std::path::{Path, PathBuf};

use edgefuse::config::Runtime;
use edgefuse::engine::Engine;

/// A file of the fixtures.
fn fixture(name: &str) -> PathBuf {
    root().join("tests/fixtures/engine").join(name)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn engine() -> Engine {
    Engine::start(&Runtime::default(), root()).expect("run scripts/setup.sh first")
}
