use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;

use super::*;
use crate::serve::event::What;
use crate::serve::sinks::counts::Counts;
use crate::serve::sinks::made::{captioned, event};

/// Opens the sink with these options, and delivers results with these numbers.
fn deliver(folder: &Path, options: &str, numbers: std::ops::Range<u64>) -> Counts {
    let text = format!("- jsonl: {{path: {}, {options}}}", folder.display());
    let sinks: Vec<edgefuse::config::Sink> = serde_yaml::from_str(&text).unwrap();
    let edgefuse::config::Target::Jsonl(options) = &sinks[0].target else { panic!("{sinks:?}") };
    let counts = Counts::default();
    let jsonl = Jsonl::open(options, "jsonl", &counts).unwrap();
    let queue = Queue::new("jsonl", counts);
    queue.push(Arc::new(event("door", What::Motion(true))));
    numbers.for_each(|number| queue.push(captioned("door", number)));
    queue.end(Instant::now());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(jsonl.run(&queue));
    queue.counts.clone()
}

/// The captions in a file.
fn captions(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    let of = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!((&line["source"], line["time"].as_str()), (&"door".into(), Some("2026-11-30T12:00:00.000Z")));
        line["caption"]["text"].as_str().unwrap().to_string()
    };
    text.lines().map(of).collect()
}

#[test]
fn results_are_lines_and_a_second_run_appends() {
    let folder = tempfile::tempdir().unwrap();
    let counts = deliver(folder.path(), "fsync: always", 0..2);
    assert_eq!((counts.delivered.get(), counts.dropped.get(), counts.waiting.get()), (2, 0, 0));
    deliver(folder.path(), "fsync: never", 2..3);
    assert_eq!(captions(&folder.path().join("results.jsonl")), ["view 0", "view 1", "view 2"]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the lock is gone");
}

#[test]
fn a_torn_last_line_is_dropped_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    deliver(folder.path(), "keep: 1", 0..2);
    let path = folder.path().join("results.jsonl");
    let mut text = fs::read(&path).unwrap();
    // Longer than what is read at once.
    text.extend(b"{\"id\":\"");
    text.extend(vec![b'x'; 200_000]);
    fs::write(&path, &text).unwrap();
    let counts = deliver(folder.path(), "keep: 1", 2..3);
    assert_eq!(captions(&path), ["view 0", "view 1", "view 2"]);
    assert_eq!((counts.delivered.get(), counts.dropped.get()), (1, 1));
    fs::write(&path, "torn").unwrap();
    assert_eq!(deliver(folder.path(), "keep: 1", 3..4).dropped.get(), 1);
    assert_eq!(captions(&path), ["view 3"]);
}

#[test]
fn files_rotate_by_size_and_the_oldest_are_deleted() {
    let folder = tempfile::tempdir().unwrap();
    // Three lines fit into a file.
    deliver(folder.path(), "rotate: 0.75KiB, keep: 2", 0..11);
    let files = rotation::rotated(&folder.path().join("results.jsonl")).unwrap();
    let kept: Vec<_> = files.iter().map(|(number, path)| (*number, captions(path))).collect();
    let views = |range: std::ops::Range<u64>| range.map(|number| format!("view {number}")).collect::<Vec<_>>();
    assert_eq!(kept, [(2, views(3..6)), (3, views(6..9))]);
    assert_eq!(captions(&folder.path().join("results.jsonl")), views(9..11));
    assert!(files.iter().all(|(_, path)| fs::metadata(path).unwrap().len() <= 768));
}

#[test]
fn files_rotate_by_age() {
    let folder = tempfile::tempdir().unwrap();
    deliver(folder.path(), "max_age: 1ms", 0..1);
    std::thread::sleep(Duration::from_millis(5));
    deliver(folder.path(), "max_age: 1ms, keep: 0", 1..2);
    assert_eq!(captions(&folder.path().join("results.jsonl")), ["view 1"]);
    assert!(rotation::rotated(&folder.path().join("results.jsonl")).unwrap().is_empty());
}

#[test]
fn a_file_that_somebody_moved_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let mut lines = Lines::new(path.clone());
    lines.append(b"1\n").unwrap();
    fs::rename(&path, folder.path().join("moved")).unwrap();
    lines.append(b"2\n").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"2\n");
}

#[test]
fn a_second_sink_of_the_same_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let options: JsonlOptions = serde_yaml::from_str(&format!("{{path: {}}}", folder.path().display())).unwrap();
    let _first = Jsonl::open(&options, "jsonl", &Counts::default()).unwrap();
    let error = Jsonl::open(&options, "jsonl", &Counts::default()).err().unwrap();
    assert!(error.contains("another run"), "{error}");
    let options: JsonlOptions = serde_yaml::from_str("{path: /proc/none}").unwrap();
    assert!(
        Jsonl::open(&options, "jsonl", &Counts::default())
            .err()
            .unwrap()
            .starts_with("/proc/none/results.jsonl: cannot write")
    );
}
