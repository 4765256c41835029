//! Many threads share one loaded model: sixteen transcribe at once, and each gets the same text as a single thread.
//!
//! `cargo run --release --example threads`, after `scripts/setup.sh`.

use std::sync::Arc;
use std::thread;

use edgefuse::Error;
use edgefuse::config::TranscribeOptions;
use edgefuse::engine::Engine;
use edgefuse::media::audio::{AudioFile, Recording};
use edgefuse::models::Loader;
use edgefuse::models::whisper::Whisper;

const RECORDINGS: [&str; 2] = ["tests/data/librivox-0880.wav", "tests/data/question-shape.wav"];

fn main() -> Result<(), Error> {
    let engine = Arc::new(Engine::new()?);
    let whisper = Whisper::load(Loader::open(&engine, "onnx/whisper-tiny.en")?)?;
    let options = TranscribeOptions::default();
    let transcribe = |path: &str| {
        let transcript = whisper.transcribe(&Recording::from(&AudioFile::new(path)), None, &options, &mut |_, _| {})?;
        Ok::<_, Error>(transcript.text)
    };
    let alone = [transcribe(RECORDINGS[0])?, transcribe(RECORDINGS[1])?];
    let together = thread::scope(|scope| {
        let threads: Vec<_> = (0..16).map(|at| scope.spawn(move || transcribe(RECORDINGS[at % 2]))).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect::<Result<Vec<_>, _>>()
    })?;
    let same = together.iter().enumerate().filter(|(at, text)| **text == alone[at % 2]).count();
    println!("{same} of 16 threads transcribed as one alone does");
    alone.iter().for_each(|text| println!("{text}"));
    Ok(())
}
