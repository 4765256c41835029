//! A short question beside a long recording: how long a clip takes alone, and while the same model transcribes a long
//! recording in the background.
//!
//! `cargo run --release --example beside -- long.wav clip.wav`, after `scripts/setup.sh`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use edgefuse::config::TranscribeOptions;
use edgefuse::request::{Priority, Request};
use edgefuse::{Error, Pipeline, Record};

const ROUNDS: usize = 9;

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let long = arguments.next().unwrap_or_else(|| "tests/data/librivox-0870.wav".to_string());
    let clip = arguments.next().unwrap_or_else(|| "tests/data/question-shape.wav".to_string());
    let options = TranscribeOptions { vad: edgefuse::config::Vad { on: false, options: None }, ..Default::default() };
    let pipeline = Pipeline::builder().model("onnx/whisper-tiny.en").step(options).build()?;
    let (long, clip) = (Record::default().with_audio(long), Record::default().with_audio(clip));
    let median = |priority: Priority| {
        let rounds = (0..ROUNDS).map(|_| {
            let started = Instant::now();
            Request::new(priority).run(|| pipeline.process(&clip, &mut |_, _| {}))?;
            Ok(started.elapsed())
        });
        let mut rounds = rounds.collect::<Result<Vec<Duration>, Error>>()?;
        rounds.sort();
        Ok::<_, Error>(rounds[ROUNDS / 2])
    };
    median(Priority::Interactive)?;
    let alone = median(Priority::Interactive)?;
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let request = Request::new(Priority::Batch);
        let background = request.clone();
        let (done, pipeline, long) = (&done, &pipeline, &long);
        scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                let _ = background.run(|| pipeline.process(long, &mut |_, _| {}));
            }
        });
        thread::sleep(Duration::from_millis(500));
        let beside = median(Priority::Interactive);
        done.store(true, Ordering::Relaxed);
        request.cancel();
        let beside = beside?;
        println!(
            "alone {:.0} ms, beside a long recording {:.0} ms: {:.2} times",
            alone.as_secs_f64() * 1e3,
            beside.as_secs_f64() * 1e3,
            beside.as_secs_f64() / alone.as_secs_f64()
        );
        Ok(())
    })
}
