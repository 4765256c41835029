//! Graph files, libraries, ONNX Runtime's log, and Linux's memory information.

use std::io::Cursor;
use std::path::Path;
use std::{fs, iter};

use edgefuse::engine::{Machine, memory_limits_below, parse_onnx, placement_of_log};

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

/// The files of a simulated system, separated by lines of `--`; the last one is the limit of the corpus's cgroups.
pub(super) fn memory_limits(bytes: &[u8]) -> bool {
    const FILES: [&str; 3] = ["proc/meminfo", "proc/self/cgroup", "proc/self/mountinfo"];
    const LIMITS: [&str; 2] = ["sys/fs/cgroup/a/memory.max", "sys/fs/cgroup/memory/a/memory.limit_in_bytes"];
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.split("--\n").chain(iter::repeat(""));
    let found = scratch::with_folder("system", |root| {
        for (name, part) in FILES.into_iter().zip(&mut parts) {
            write_below(root, name, part);
        }
        let limit = parts.next().unwrap_or_default();
        for name in LIMITS {
            write_below(root, name, limit);
        }
        memory_limits_below(root)
    });
    assert!(found.is_sorted_by_key(|limit| limit.bytes), "{found:?}");
    assert!(found.iter().all(|limit| !limit.set_by.is_empty()), "{found:?}");
    found.iter().any(|limit| limit.set_by.starts_with("cgroup "))
}

fn write_below(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder in the temporary folder");
    fs::write(path, text).expect("a file in the temporary folder");
}
