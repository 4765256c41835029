//! Graph files, libraries, and ONNX Runtime's log.

use std::io::Cursor;

use edgefuse::engine::{Machine, parse_onnx, placement_of_log};

use super::{accepted, scratch};

pub(super) fn nodes(bytes: &[u8]) -> bool {
    let Some(file) = accepted(parse_onnx(Cursor::new(bytes), bytes.len() as u64)) else { return false };
    assert!(file.nodes <= bytes.len(), "{} nodes in {} bytes", file.nodes, bytes.len());
    file.nodes > 0
}

pub(super) fn elf(bytes: &[u8]) -> bool {
    scratch::with_file("library.so", bytes, |path| accepted(Machine::of_file(path)).is_some())
}

/// The first byte is the number of nodes in the graph file.
pub(super) fn placement(bytes: &[u8]) -> bool {
    let Some((&nodes, log)) = bytes.split_first() else { return false };
    let Some(placement) = placement_of_log(&String::from_utf8_lossy(log), nodes.into()) else { return false };
    let sum: f64 = placement.providers().iter().map(|placed| placed.share).sum();
    assert!(placement.providers().iter().all(|placed| (0.0..=1.0).contains(&placed.share)), "{placement}");
    assert!(sum == 0.0 || (sum - 1.0).abs() < 1e-6, "shares of {sum} in all: {placement}");
    true
}
