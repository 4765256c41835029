//! Transcribes a microphone live, from raw 16-bit mono samples at 16 kHz on standard input.
//!
//! `arecord -q -f S16_LE -r 16000 -c 1 | cargo run --release --example live`, after `scripts/setup.sh`.

use std::sync::Arc;

use edgefuse::Error;
use edgefuse::config::{Device, ModelEntry, TranscribeOptions};
use edgefuse::engine::Engine;
use edgefuse::models::Models;
use edgefuse::models::transcript::LiveEvent;
use edgefuse::pipeline::transcribe_live;

fn main() -> Result<(), Error> {
    let mut device = Device::new("microphone");
    for (name, folder) in [("whisper", "onnx/whisper-tiny.en"), ("vad", "onnx/silero-vad")] {
        device.models.insert(name.to_string(), ModelEntry::new(folder));
    }
    let models = Models::new(Arc::new(Engine::new()?), device);
    let mut print = |event: LiveEvent| {
        match event {
            LiveEvent::Partial { text, .. } => println!("...   {text}"),
            LiveEvent::Final(segment) => println!("{:5.1} {}", segment.start, segment.text),
            _ => {}
        }
        true
    };
    transcribe_live(&models, std::io::stdin(), "microphone", &TranscribeOptions::default(), &mut print)
}
