//! The engine against small graphs that do not keep to what `model.yaml` says: tests/fixtures/engine, made by
//! scripts/make_fixtures_engine.py. Needs `scripts/setup.sh` for ONNX Runtime, and no model.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod boundary;
mod external_data;

use std::path::{Path, PathBuf};

use edgefuse::config::Runtime;
use edgefuse::engine::Engine;

/// A file of the fixtures.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/engine").join(name)
}

fn engine() -> Engine {
    Engine::start(&Runtime::default(), Path::new(env!("CARGO_MANIFEST_DIR"))).expect("run scripts/setup.sh first")
}
