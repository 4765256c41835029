//! Memory of the real Whisper while callers share it. A process of its own, since it measures the whole process. Needs
//! `scripts/setup.sh test`.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use edgefuse::Error;
use edgefuse::config::{Device, ModelEntry, TranscribeOptions, Vad};
use edgefuse::engine::{Engine, EngineError, release_unused, resident_bytes};
use edgefuse::models::Models;
use edgefuse::pipeline::{Pipeline, Record};
use edgefuse::request::{Priority, Request};

const MIB: u64 = 1 << 20;

fn resident() -> u64 {
    release_unused();
    resident_bytes().expect("/proc/self/status")
}

/// A single test, so that nothing else uses memory meanwhile.
#[test]
fn memory_is_given_back() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut device = Device::new("test");
    device.models.insert("whisper".to_string(), ModelEntry::new(root.join("onnx/whisper-tiny.en")));
    device.runtime.idle_unload = Some(Duration::from_millis(100));
    let engine = Engine::start(&device.runtime, root).expect("run scripts/setup.sh first");
    let options = TranscribeOptions { vad: Vad { on: false, options: None }, beams: 5, ..Default::default() };
    let pipeline = Pipeline::new(Models::new(Arc::new(engine), device), &[options.into()]).unwrap();
    let clip = Record::default().with_audio(root.join("tests/data/question-shape.wav"));
    let long = Record::default().with_audio(root.join("tests/data/librivox-0870.wav"));
    let before = resident();

    // Cancelled requests leave no memory allocated: the tenth needs no more than the second.
    let cancel_one = |runs: usize| {
        let request = Request::new(Priority::Batch);
        let canceller = request.clone();
        let seconds = Arc::new(AtomicUsize::new(0));
        let done = seconds.clone();
        let watcher = thread::spawn(move || {
            let until = Instant::now() + Duration::from_secs(60);
            while done.load(Ordering::Relaxed) == 0 && Instant::now() < until {
                thread::sleep(Duration::from_millis(5));
            }
            thread::sleep(Duration::from_millis(30 + 10 * runs as u64));
            canceller.cancel();
        });
        let outcome = request.run(|| {
            // The first window's text is being written when the sound has been read.
            seconds.store(1, Ordering::Relaxed);
            pipeline.process(&long, &mut |_, _| {})
        });
        watcher.join().unwrap();
        assert!(matches!(outcome, Ok(_) | Err(Error::Engine(EngineError::Stopped(_)))), "{outcome:?}");
        resident()
    };
    let lease = pipeline.models().lease::<dyn edgefuse::models::capability::Transcriber>(None, "test").unwrap();
    pipeline.process(&long, &mut |_, _| {}).unwrap();
    let taken: Vec<u64> = (0..10).map(cancel_one).collect();
    assert!(taken[9] < taken[1] + 4 * MIB, "resident memory after each cancelled request: {taken:?}");
    drop(lease);

    // An idle model returns its memory to the system. What the library itself keeps after its first inference, it keeps
    // once: a model that stayed would add its 40 MiB of weights in every round.
    let mut rounds = Vec::new();
    for _ in 0..6 {
        pipeline.process(&clip, &mut |_, _| {}).unwrap();
        let loaded = resident();
        let until = Instant::now() + Duration::from_secs(20);
        while !pipeline.models().loaded().is_empty() {
            assert!(Instant::now() < until, "still loaded: {:?}", pipeline.models().loaded());
            thread::sleep(Duration::from_millis(20));
        }
        rounds.push((loaded, resident()));
    }
    println!(
        "resident MiB: {} before, {:?} with the model and without it again; {} to {} over ten cancelled requests",
        before / MIB,
        rounds.iter().map(|(loaded, after)| (loaded / MIB, after / MIB)).collect::<Vec<_>>(),
        taken.iter().min().unwrap_or(&0) / MIB,
        taken.iter().max().unwrap_or(&0) / MIB
    );
    for (loaded, after) in &rounds {
        assert!(*loaded > after + 60 * MIB, "{rounds:?}");
    }
    assert!(rounds[5].1 < rounds[0].1 + 20 * MIB, "{rounds:?}");
}
