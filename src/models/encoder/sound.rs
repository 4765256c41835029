//! Sounds to embeddings.

use ndarray::{Array1, Axis};

use super::Encoder;
use super::picture::numbers;
use crate::config::model_folder::Modality;
use crate::engine::Tensor;
use crate::error::Error;

impl Encoder {
    /// Encodes mono samples in [-1, 1] at the sample rate in `model.yaml`.
    pub(super) fn encode_sound(&self, samples: &[f32]) -> Result<Vec<f32>, Error> {
        let (Some(spec), Some(log_mel)) = (&self.spec.audio, &self.log_mel) else {
            return Err(self.cannot("this model does not encode sounds"));
        };
        let most = spec.chunk_samples();
        let problem = match samples.len() {
            0 => Some("the sound to embed is empty".to_string()),
            length if length > most => {
                let seconds = length as f64 / f64::from(spec.sample_rate);
                Some(format!("the sound lasts {seconds:.1} s; the model accepts up to {} s", spec.chunk_seconds))
            }
            _ => None,
        };
        if let Some(problem) = problem {
            return Err(Error::Input { problem });
        }
        let frames = samples.len().div_ceil(spec.hop_length);
        let spectrogram = log_mel.compute(samples, most - samples.len());
        let mut fed = vec![("log_mel", [Tensor::float(spectrogram.insert_axis(Axis(0)))?])];
        if self.folder.common.graphs["sound"].inputs.contains_key("frames") {
            fed.push(("frames", [Tensor::integer(Array1::from_elem(1, frames as i64))?]));
        }
        let fed: Vec<(&str, &[Tensor])> = fed.iter().map(|(role, tensor)| (*role, tensor.as_slice())).collect();
        let mut outputs = self.tower(Modality::Audio)?.run(&fed)?;
        numbers(&outputs.take_one("embedding", &[Some(1), self.length("sound")])?)
    }
}
