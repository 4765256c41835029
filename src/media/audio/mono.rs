//! Interleaved frames, as decoders give them, to mono at one sample rate.

use super::AudioError;
use super::resample::Resampler;

/// Rates outside this range are a damaged header. The bound also keeps the ratio of two rates, and with it the memory
/// of the result, within reason.
const SAMPLE_RATES: std::ops::RangeInclusive<u32> = 1_000..=384_000;

/// A codec may overshoot full scale a little; from here on the warning is worth its line.
const LOUD: f32 = 2.0;

/// Refuses a sample rate that no recording has.
pub(super) fn check_sample_rate(sample_rate: u32) -> Result<(), AudioError> {
    match SAMPLE_RATES.contains(&sample_rate) {
        true => Ok(()),
        false => Err(AudioError::SampleRate(sample_rate)),
    }
}

/// Collects the samples of a file: averages channels, replaces what is not finite, clips, resamples.
pub(super) struct MonoWriter {
    sample_rate: u32,
    /// The rate of the frames that came last, and the resampler for it (none where it is the wanted rate).
    source: Option<(u32, Option<Resampler>)>,
    /// The last block of frames, averaged.
    block: Vec<f32>,
    samples: Vec<f32>,
    not_finite: u64,
    peak: f32,
    warnings: Vec<String>,
}

impl MonoWriter {
    pub(super) fn new(sample_rate: u32) -> Result<Self, AudioError> {
        check_sample_rate(sample_rate)?;
        Ok(Self {
            sample_rate,
            source: None,
            block: Vec::new(),
            samples: Vec::new(),
            not_finite: 0,
            peak: 0.0,
            warnings: Vec::new(),
        })
    }

    /// Adds frames of `channels` samples each at `sample_rate` Hz. Both may change from call to call: a chained ogg
    /// file does that.
    pub(super) fn push(&mut self, sample_rate: u32, channels: usize, interleaved: &[f32]) -> Result<(), AudioError> {
        if channels == 0 {
            return Err(AudioError::Malformed("no channels".into()));
        }
        if self.source.as_ref().is_none_or(|(rate, _)| *rate != sample_rate) {
            self.change_source(sample_rate)?;
        }

        self.block.clear();
        let scale = 1.0 / channels as f32;
        for frame in interleaved.chunks_exact(channels) {
            let mut sum = 0.0;
            for &sample in frame {
                if sample.is_finite() {
                    self.peak = self.peak.max(sample.abs());
                    sum += sample.clamp(-1.0, 1.0);
                } else {
                    self.not_finite += 1;
                }
            }
            self.block.push(sum * scale);
        }

        match &mut self.source {
            Some((_, Some(resampler))) => resampler.push(&self.block, &mut self.samples),
            _ => {
                self.samples.extend_from_slice(&self.block);
                Ok(())
            }
        }
    }

    /// Notes what is odd about the file, though it can be used.
    pub(super) fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    /// Gives back the samples, and what is odd about the file.
    pub(super) fn finish(mut self) -> Result<(Vec<f32>, Vec<String>), AudioError> {
        self.flush()?;
        if self.samples.is_empty() {
            return Err(AudioError::NoSamples);
        }
        if self.not_finite > 0 {
            let warning = format!("{} samples were not finite numbers and are taken as 0", self.not_finite);
            self.warnings.push(warning);
        }
        if self.peak > LOUD {
            let warning = format!("samples reach {:.1} times full scale and are clipped", self.peak);
            self.warnings.push(warning);
        }
        // The resampler's filter overshoots at steps, such as the edges of clipped samples.
        for sample in &mut self.samples {
            *sample = sample.clamp(-1.0, 1.0);
        }
        Ok((self.samples, self.warnings))
    }

    fn change_source(&mut self, sample_rate: u32) -> Result<(), AudioError> {
        check_sample_rate(sample_rate)?;
        self.flush()?;
        let resampler =
            (sample_rate != self.sample_rate).then(|| Resampler::new(sample_rate, self.sample_rate)).transpose()?;
        self.source = Some((sample_rate, resampler));
        Ok(())
    }

    /// Takes the samples that the resampler still holds.
    fn flush(&mut self) -> Result<(), AudioError> {
        match self.source.take() {
            Some((_, Some(resampler))) => resampler.finish(&mut self.samples),
            _ => Ok(()),
        }
    }
}
