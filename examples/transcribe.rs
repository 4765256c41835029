//! Transcribes a recording, with the time of each segment.
//!
//! `cargo run --release --example transcribe -- talk.mp3`, after `scripts/setup.sh`.

use edgefuse::config::TranscribeOptions;
use edgefuse::{Error, Pipeline, Record};

fn main() -> Result<(), Error> {
    let recording = std::env::args().nth(1).unwrap_or_else(|| "tests/data/librivox-0870.wav".to_string());
    let pipeline = Pipeline::builder()
        .model("onnx/whisper-tiny.en")
        .model("onnx/silero-vad")
        .step(TranscribeOptions::default())
        .build()?;
    let result = pipeline.process(&Record::default().with_audio(recording), &mut |_, _| {})?;
    result.errors().iter().for_each(|error| eprintln!("error: {error}"));
    for segment in result.transcript().iter().flat_map(|step| &step.value.segments) {
        println!("{:7.2} {:7.2}  {}", segment.start, segment.end, segment.text);
    }
    Ok(())
}
