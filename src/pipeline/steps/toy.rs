//! `toy`: an example of what a new step needs. It measures the loudness of a record's sound.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::{Context, StepKind, StepOutcome, Use, timed};
use crate::config::ToyOptions;
use crate::error::Error;
use crate::models::capability::Capability;
use crate::models::toy::Toy;

/// Maximum duration of the sound.
const SECONDS: u32 = 60;

pub(super) struct MeasureLoudness(ToyOptions);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Loudness {
    pub power: f32,
}

impl StepKind for MeasureLoudness {
    type Options = ToyOptions;
    type Value = Loudness;

    const KEY: &'static str = "loudness";

    const HAS_TEXT: bool = false;

    fn new(options: &ToyOptions) -> Result<Self, Error> {
        Ok(MeasureLoudness(options.clone()))
    }

    fn uses(options: &ToyOptions) -> Vec<Use<'_>> {
        vec![Use::required(Toy::NAME, options.model.as_deref())]
    }

    fn run(&self, context: &mut Context) -> StepOutcome<Loudness> {
        let toy = context.models.lease::<Toy>(self.0.model.as_deref(), "toy")?;
        let started = Instant::now();
        let Some(samples) = context.sources.sound(toy.sample_rate(), SECONDS)? else { return Ok(None) };
        let power = toy.power(samples)? * self.0.gain;
        Ok(Some(timed(Loudness { power }, started, crate::models::capability::Model::provider(&*toy))))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::pipeline::{Pipeline, Record, RecordResult, Sound};

    /// A kind that is only in the tables works from a device file to a line of results, and back.
    #[test]
    fn a_new_kind_needs_its_files_and_three_lines() {
        let folder = tempfile::tempdir().unwrap();
        let device = folder.path().join("d.yaml");
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        // As `bundle` finds the library of another machine: this test also runs emulated.
        let other = format!("lib/{}/libonnxruntime.so", std::env::consts::ARCH);
        let library = if root.join(&other).is_file() { other.as_str() } else { "lib/libonnxruntime.so" };
        let text = format!(
            "device: d\nruntime: {{library: {0}/{library}}}\n\
             models: {{left: {{path: {0}/tests/fixtures/toy}}, right: {{path: {0}/tests/fixtures/toy}}}}\n\
             pipeline: [toy: {{model: right, gain: 2}}]\n",
            root.display()
        );
        fs::write(&device, &text).unwrap();
        let pipeline = Pipeline::from_device_file(&device).unwrap();
        let record = Record::default().with_id("a").with_audio(Sound::from_samples(vec![0.5, -0.5, 0.5, -0.5], 16_000));
        let result = pipeline.process(&record, &mut |_, _| {}).unwrap();
        assert_eq!(result.errors(), Vec::<&str>::new());
        assert_eq!(result.step::<Loudness>("loudness").unwrap().value, &Loudness { power: 0.5 });
        assert_eq!(pipeline.models().loaded(), ["right"]);
        let line = serde_json::to_string(&result).unwrap();
        let read: RecordResult = serde_json::from_str(&line).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), line);

        // Without a name the choice is ambiguous.
        fs::write(&device, text.replace("model: right, ", "")).unwrap();
        let error = Pipeline::from_device_file(&device).unwrap().process(&record, &mut |_, _| {}).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("`left` and `right` can measure loudness; choose one with the option `model`"),
            "{error}"
        );
    }
}
