//! The student's inputs as tensors.

use ndarray::{Array2, Array4, Axis};

use super::Student;
use crate::config::model_folder::{EmbeddingSpec, StudentInput};
use crate::engine::Tensor;
use crate::error::Error;
use crate::models::fusion::{FusionInputs, SensorReadings};

/// Mel frames fed if there is no sound; the presence mask hides them.
const ABSENT_FRAMES: usize = 8;

impl Student {
    /// The graph's inputs by role. An absent modality gets a tensor of minimum size, and 0 in `presence`.
    pub(super) fn tensors(&self, inputs: &FusionInputs) -> Result<Vec<(&'static str, Tensor)>, Error> {
        let (mut tensors, mut presence) = (Vec::new(), Vec::new());
        for input in self.spec.inputs() {
            match input {
                StudentInput::ImageEmbedding | StudentInput::TextEmbedding | StudentInput::AudioEmbedding => {
                    let given = embedding(input, self.spec.embedded(input), inputs.embedding(input))?;
                    tensors.push((input.name(), given));
                }
                StudentInput::Image => tensors.push(("image", self.image(inputs.image)?)),
                StudentInput::Text => {
                    let ids = self.text(inputs.text)?;
                    tensors.push(("attention_mask", Tensor::integer(Array2::<i64>::ones((1, ids.len())))?));
                    tensors.push((
                        "input_ids",
                        Tensor::integer(Array2::from_shape_fn((1, ids.len()), |(_, at)| ids[at]))?,
                    ));
                }
                StudentInput::Audio => tensors.push(("log_mel", self.audio(inputs.audio)?)),
                StudentInput::Sensors => tensors.push(("sensors", self.sensors(inputs.sensors)?)),
            }
            presence.push(f32::from(inputs.has(input)));
        }
        tensors.push(("presence", vector(&presence)?));
        Ok(tensors)
    }

    fn image(&self, image: Option<&Array4<f32>>) -> Result<Tensor, Error> {
        let Some(spec) = &self.spec.image else { return Ok(Tensor::zeros(&[1, 0])?) };
        let pixels = match image {
            Some(pixels) => pixels.clone(),
            None => Array4::zeros((1, 3, spec.height as usize, spec.width as usize)),
        };
        Ok(Tensor::float(pixels)?)
    }

    pub(super) fn text(&self, text: Option<&str>) -> Result<Vec<i64>, Error> {
        let (Some(limits), Some(vocabulary)) = (&self.spec.text, &self.vocabulary) else { return Ok(vec![0]) };
        let Some(text) = text else { return Ok(vec![limits.pad]) };
        let ids = vocabulary.encode(text.trim(), true)?;
        if ids.len() > limits.max_tokens {
            let problem = format!("the text has {} tokens; the student accepts up to {}", ids.len(), limits.max_tokens);
            return Err(Error::Input { problem });
        }
        Ok(ids)
    }

    fn audio(&self, samples: Option<&[f32]>) -> Result<Tensor, Error> {
        let Some(spec) = &self.spec.audio else { return Ok(Tensor::zeros(&[1, 0])?) };
        let (Some(samples), Some(log_mel)) = (samples, &self.log_mel) else {
            return Ok(Tensor::zeros(&[1, spec.n_mels, ABSENT_FRAMES])?);
        };
        let most = spec.chunk_samples();
        if samples.len() > most {
            let seconds = samples.len() as f64 / f64::from(spec.sample_rate);
            let problem = format!("the sound lasts {seconds:.1} s; the student accepts up to {} s", spec.chunk_seconds);
            return Err(Error::Input { problem });
        }
        // As in training: the spectrogram of the sound padded to a whole window, then cut to the length of the sound.
        let full = log_mel.compute(samples, most - samples.len());
        let frames = samples.len().div_ceil(spec.hop_length).clamp(ABSENT_FRAMES, full.ncols());
        let cut = full.slice(ndarray::s![.., ..frames]).to_owned();
        Ok(Tensor::float(cut.insert_axis(Axis(0)))?)
    }

    fn sensors(&self, readings: Option<&SensorReadings>) -> Result<Tensor, Error> {
        let sensors = &self.spec.sensors;
        let Some(readings) = readings else { return Ok(Tensor::zeros(&[1, sensors.len()])?) };
        vector(&readings.normalised(sensors).map_err(|problem| Error::Input { problem })?)
    }
}

/// The given embedding, checked, or zeros if it is absent.
fn embedding(input: StudentInput, spec: Option<&EmbeddingSpec>, given: Option<&[f32]>) -> Result<Tensor, Error> {
    let Some(spec) = spec else { return Ok(Tensor::zeros(&[1, 0])?) };
    let Some(given) = given else { return Ok(Tensor::zeros(&[1, spec.length])?) };
    let (name, length) = (input.name(), spec.length);
    if given.len() != length {
        let (there, made_by) = (given.len(), &spec.made_by);
        let problem = format!("{name}: {there} numbers; the student accepts {length}, made by {made_by}");
        return Err(Error::Input { problem });
    }
    if let Some(at) = given.iter().position(|value| !value.is_finite()) {
        return Err(Error::Input { problem: format!("{name}: number {} is {}", at + 1, given[at]) });
    }
    vector(given)
}

fn vector(values: &[f32]) -> Result<Tensor, Error> {
    Ok(Tensor::float(Array2::from_shape_fn((1, values.len()), |(_, at)| values[at]))?)
}
