//! Transcribes a microphone live, from raw 16-bit mono samples at 16 kHz on standard input.
//!
//! `arecord -q -f S16_LE -r 16000 -c 1 | cargo run --release --example live`, after `scripts/setup.sh`.

use std::sync::Arc;

use edgefuse::Error;
use edgefuse::config::{Device, ModelEntry, TranscribeOptions};
use edgefuse::engine::Engine;
use edgefuse::models::Models;
use edgefuse::models::whisper::LiveEvent;
use edgefuse::pipeline::transcribe_live;

fn main() -> Result<(), Error> {
    let mut device = Device::new("microphone");
    device.whisper = Some(ModelEntry::new("onnx/whisper-tiny.en"));
    device.vad = Some(ModelEntry::new("onnx/silero-vad"));
    let mut models = Models::new(Arc::new(Engine::new()?), device);
    let mut print = |event: LiveEvent| {
        match event {
            LiveEvent::Partial { text, .. } => println!("...   {text}"),
            LiveEvent::Final(segment) => println!("{:5.1} {}", segment.start, segment.text),
        }
        true
    };
    transcribe_live(&mut models, std::io::stdin(), "microphone", &TranscribeOptions::default(), &mut print)
}
