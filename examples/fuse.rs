//! Fuses a picture and a text into a decision, with the student.
//!
//! `cargo run --release --example fuse -- photo.jpg "what color is the shape?"`,
//! after `scripts/setup.sh`.

use edgefuse::config::FuseOptions;
use edgefuse::{Error, Pipeline, Record};

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let picture = arguments.next().unwrap_or_else(|| "tests/data/easyvqa-23.png".to_string());
    let text = arguments.next().unwrap_or_else(|| "what color is the shape?".to_string());
    let pipeline = Pipeline::builder().model("onnx/student").step(FuseOptions::default()).build()?;
    let record = Record::default().with_image(picture).with_text(text);
    let result = pipeline.process(&record, &mut |_, _| {})?;
    result.errors().iter().for_each(|error| eprintln!("error: {error}"));
    if let Some(fusion) = result.fusion().map(|step| step.value) {
        for (label, probability) in fusion.probabilities.iter().take(3) {
            println!("{label} ({:.1} %)", probability * 100.0);
        }
    }
    Ok(())
}
