//! What the student is shown, as tensors.

use image::RgbImage;
use ndarray::{Array2, Array4, Axis};

use super::Student;
use crate::config::model_folder::Modality;
use crate::engine::Tensor;
use crate::error::Error;
use crate::media::image::pixel_values;
use crate::models::blip::pixel_config;

/// Mel frames fed for a sound that is not there; the presence mask hides them.
const ABSENT_FRAMES: usize = 8;

/// What the student is shown; each part is optional.
#[derive(Default)]
pub struct FusionInputs<'a> {
    /// A picture.
    pub image: Option<&'a RgbImage>,
    /// A text.
    pub text: Option<&'a str>,
    /// Mono samples in [-1, 1] at [`Student::sample_rate`].
    pub audio: Option<&'a [f32]>,
}

impl FusionInputs<'_> {
    /// The modalities that are there.
    pub(super) fn present(&self) -> Vec<Modality> {
        [
            (Modality::Image, self.image.is_some()),
            (Modality::Text, self.text.is_some()),
            (Modality::Audio, self.audio.is_some()),
        ]
        .into_iter()
        .filter_map(|(modality, there)| there.then_some(modality))
        .collect()
    }
}

impl Student {
    /// The graph's inputs by role. A modality that is absent gets a tensor of the smallest size, and 0 in `presence`.
    pub(super) fn tensors(&self, inputs: &FusionInputs) -> Result<Vec<(&'static str, Tensor)>, Error> {
        let present = inputs.present();
        let mut tensors = Vec::new();
        for &modality in &self.spec.modalities {
            match modality {
                Modality::Image => tensors.push(("image", self.image(inputs.image)?)),
                Modality::Text => {
                    let ids = self.text(inputs.text)?;
                    tensors.push(("attention_mask", Tensor::integer(Array2::<i64>::ones((1, ids.len())))?));
                    tensors.push((
                        "input_ids",
                        Tensor::integer(Array2::from_shape_fn((1, ids.len()), |(_, at)| ids[at]))?,
                    ));
                }
                Modality::Audio => tensors.push(("log_mel", self.audio(inputs.audio)?)),
            }
        }
        let column = |(_, at): (usize, usize)| f32::from(present.contains(&self.spec.modalities[at]));
        tensors.push(("presence", Tensor::float(Array2::from_shape_fn((1, self.spec.modalities.len()), column))?));
        Ok(tensors)
    }

    fn image(&self, image: Option<&RgbImage>) -> Result<Tensor, Error> {
        let Some(spec) = &self.spec.image else { return Ok(Tensor::zeros(&[1, 0])?) };
        let pixels = match image {
            Some(image) => pixel_values(image, &pixel_config(spec)),
            None => Array4::zeros((1, 3, spec.height as usize, spec.width as usize)),
        };
        Ok(Tensor::float(pixels)?)
    }

    fn text(&self, text: Option<&str>) -> Result<Vec<i64>, Error> {
        let (Some(limits), Some(vocabulary)) = (&self.spec.text, &self.vocabulary) else { return Ok(vec![0]) };
        let Some(text) = text else { return Ok(vec![limits.pad]) };
        let ids = vocabulary.encode(text.trim(), true)?;
        if ids.len() > limits.max_tokens {
            let problem = format!("the text has {} tokens; the student takes {}", ids.len(), limits.max_tokens);
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
            let problem = format!("the sound lasts {seconds:.1} s; the student takes {} s", spec.chunk_seconds);
            return Err(Error::Input { problem });
        }
        // Trained on the spectrogram of the sound filled up to a whole window, cut to its own length.
        let full = log_mel.compute(samples, most - samples.len());
        let frames = samples.len().div_ceil(spec.hop_length).clamp(ABSENT_FRAMES, full.ncols());
        let cut = full.slice(ndarray::s![.., ..frames]).to_owned();
        Ok(Tensor::float(cut.insert_axis(Axis(0)))?)
    }
}
