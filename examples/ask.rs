//! Answers a spoken question about a picture, with the steps of a device file.
//!
//! `cargo run --release --example ask -- photo.jpg question.wav`, after `scripts/setup.sh`.

use edgefuse::{Error, Pipeline, Record};

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let picture = arguments.next().unwrap_or_else(|| "tests/data/easyvqa-23.png".to_string());
    let question = arguments.next().unwrap_or_else(|| "tests/data/question-shape.wav".to_string());
    let pipeline = Pipeline::from_device_file("configs/cpu.yaml")?;
    let record = Record::default().with_image(picture).with_audio(question);
    let result = pipeline.process(&record, &mut |_, _| {})?;
    result.errors().iter().for_each(|error| eprintln!("error: {error}"));
    if let Some(answer) = result.answer().map(|step| step.value) {
        // A model behind an endpoint gives no confidence.
        let confidence = answer.confidence.map(|it| format!(" ({:.0} %)", it * 100.0)).unwrap_or_default();
        println!("{} {}{confidence}", answer.question, answer.text);
    }
    Ok(())
}
