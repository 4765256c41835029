//! Captions a picture: the three best of a beam search, each with its score.
//!
//! `cargo run --release --example caption -- photo.jpg`, after `scripts/setup.sh`.

use edgefuse::config::{CaptionOptions, SearchOptions};
use edgefuse::{Error, Pipeline, Record};

fn main() -> Result<(), Error> {
    let picture = std::env::args().nth(1).unwrap_or_else(|| "tests/data/easyvqa-23.png".to_string());
    let search = SearchOptions { beams: 3, ..SearchOptions::default() };
    let options = CaptionOptions { captions: 3, search, ..CaptionOptions::default() };
    let pipeline = Pipeline::builder().model("onnx/blip-easyvqa").step(options).build()?;
    let result = pipeline.process(&Record::default().with_image(picture), &mut |_, _| {})?;
    result.errors().iter().for_each(|error| eprintln!("error: {error}"));
    for caption in result.caption().and_then(|step| step.value.captions.as_ref()).into_iter().flatten() {
        // A model behind an endpoint gives no scores.
        let score = caption.score.map(|score| format!("{score:8.4}  ")).unwrap_or_default();
        println!("{score}{}", caption.text);
    }
    Ok(())
}
