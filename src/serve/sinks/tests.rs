//! All sinks of a device together.

use std::path::Path;
use std::sync::mpsc;

use super::*;
use crate::serve::event::What;
use crate::serve::sinks::made::{captioned, event};

struct NoCommands;

impl Commands for NoCommands {
    fn run(&self, _: &str, _: Command) -> Result<(), String> {
        Err("no".to_string())
    }
}

fn start(folder: &Path, sinks: &str) -> Result<(Sinks, SinkCounts), String> {
    let path = folder.join("device.yaml");
    std::fs::write(&path, format!("device: board\nsinks:\n{sinks}")).unwrap();
    let device = Device::load(&path).map_err(|error| error.to_string())?;
    let counts = SinkCounts::default();
    let sinks = Sinks::start(&device, &Outlooks::new(), &counts, Arc::new(NoCommands));
    sinks.map(|sinks| (sinks, counts)).map_err(|error| error.to_string())
}

fn lines(file: &Path) -> usize {
    std::fs::read_to_string(file).unwrap_or_default().lines().count()
}

#[test]
fn a_sink_whose_receiver_is_away_does_not_hold_up_another() {
    let folder = tempfile::tempdir().unwrap();
    // Accepts connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap().port();
    let sinks = format!(
        "  - jsonl: {{path: out}}\n  - webhook: {{url: 'http://127.0.0.1:{silent}/'}}\n  - mqtt: {{broker: 'mqtt://127.0.0.1:{silent}'}}\n"
    );
    let (sinks, counts) = start(folder.path(), &sinks).unwrap();
    let began = Instant::now();
    for number in 0..500 {
        sinks.publish(&captioned("door", number));
    }
    assert!(began.elapsed() < Duration::from_secs(1), "publishing never waits");
    sinks.stop(Instant::now() + Duration::from_secs(4));
    assert!(began.elapsed() < Duration::from_secs(6));
    assert_eq!(lines(&folder.path().join("out/results.jsonl")), 500);
    let webhook = counts.of(&format!("webhook http://127.0.0.1:{silent}"));
    assert_eq!((webhook.delivered.get(), webhook.dropped.get(), webhook.waiting.get()), (0, 500, 0));
}

#[test]
fn filters_hold_for_their_sink_only() {
    let folder = tempfile::tempdir().unwrap();
    let sinks = "  - jsonl: {path: all}\n  - jsonl: {path: some}\n    only: {caption: '[13]$'}\n";
    let (sinks, _) = start(folder.path(), sinks).unwrap();
    (0..5).for_each(|number| sinks.publish(&captioned("door", number)));
    sinks.publish(&Arc::new(event("door", What::Up)));
    sinks.stop(Instant::now() + Duration::from_secs(10));
    let count = |name: &str| lines(&folder.path().join(name).join("results.jsonl"));
    assert_eq!((count("all"), count("some")), (5, 2));
}

#[test]
fn files_are_unlocked_after_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let sinks = "  - jsonl: {path: out}\n  - mqtt: {broker: 'mqtt://127.0.0.1:9', spool: {path: spool}}\n";
    for _ in 0..3 {
        let (sinks, _) = start(folder.path(), sinks).unwrap();
        sinks.publish(&captioned("door", 1));
        sinks.stop(Instant::now() + Duration::from_secs(4));
    }
}

#[test]
fn what_cannot_be_used_at_all_is_an_error_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("empty"), "").unwrap();
    for (sinks, expected) in [
        (
            "  - jsonl: {path: out}\n    only: {captoin: a}\n",
            "sinks.0: no step has the result `captoin`; there are transcript",
        ),
        ("  - jsonl: {path: out}\n    min_confidence: {caption: 0.1, x: 1}\n", "no step has the result `x`"),
        ("  - jsonl: {path: empty/out}\n", "sinks.0: "),
        ("  - webhook: {url: 'http://h', secret_file: empty}\n", "sinks.0: webhook.secret_file: "),
        ("  - mqtt: {broker: 'mqtt://u@h', password_file: none}\n", "sinks.0: mqtt.password_file: "),
        ("  - mqtt: {broker: 'mqtt://h', spool: {path: empty/x}}\n", "cannot write"),
        ("  - snapshot: {path: empty/x, store: all}\n", "sinks.0: "),
        ("  - jsonl: {path: out}\n    sources: [door]\n", "there is no source `door`"),
    ] {
        let error = start(folder.path(), sinks).err().unwrap_or_else(|| panic!("{sinks}"));
        assert!(error.contains(expected) && error.contains("device.yaml") && !error.contains('\n'), "{sinks}: {error}");
    }
}

#[test]
fn a_sink_that_panics_ends_alone() {
    let counts = Counts::default();
    let queue = Arc::new(Queue::new("x", counts.clone()));
    let (end, ended) = mpsc::channel();
    queue.push(captioned("door", 1));
    spawn("x".to_string(), queue.clone(), Box::new(|_| panic!("a fault")), end).unwrap();
    assert_eq!(ended.recv_timeout(Duration::from_secs(10)), Err(mpsc::RecvTimeoutError::Disconnected));
    // Counted, also those that follow.
    queue.push(captioned("door", 2));
    while counts.dropped.get() < 2 {
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(counts.waiting.get(), 0);
}
