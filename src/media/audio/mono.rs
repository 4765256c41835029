//! Converts interleaved frames to mono at one sample rate.

use super::AudioError;
use super::interleaved::Frames;
use super::phase::Mix;
use super::resample::Resampler;

/// Rates outside this range indicate a damaged header. The bound also limits the ratio of two rates, and with it the
/// memory of the result.
const SAMPLE_RATES: std::ops::RangeInclusive<u32> = 1_000..=384_000;

/// A codec may overshoot full scale a little; from here on it is worth a warning.
const LOUD: f32 = 2.0;

/// Rejects an implausible sample rate.
pub(super) fn check_sample_rate(sample_rate: u32) -> Result<(), AudioError> {
    match SAMPLE_RATES.contains(&sample_rate) {
        true => Ok(()),
        false => Err(AudioError::SampleRate(sample_rate)),
    }
}

/// Which channels of a recording are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Channel {
    /// All channels, averaged.
    #[default]
    Mix,
    /// One channel only, counted from 0.
    Index(usize),
}

/// Averages channels or selects one, replaces non-finite samples, clips, resamples.
pub(super) struct Mono {
    sample_rate: u32,
    channel: Channel,
    mix: Mix,
    /// The rate of the last frames, and the resampler for it (none if it is the requested rate).
    source: Option<(u32, Option<Resampler>)>,
    /// The last block of frames, averaged.
    block: Vec<f32>,
    /// Total number of samples written.
    written: u64,
    not_finite: u64,
    /// The loudest finite sample, as the bits of its absolute value: ordered as the values are.
    peak: u32,
}

impl Mono {
    pub(super) fn new(sample_rate: u32, channel: Channel) -> Result<Self, AudioError> {
        check_sample_rate(sample_rate)?;
        Ok(Self {
            sample_rate,
            channel,
            mix: Mix::default(),
            source: None,
            block: Vec::new(),
            written: 0,
            not_finite: 0,
            peak: 0,
        })
    }

    pub(super) fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// Accepts frames and appends the finished samples to `samples`.
    pub(super) fn push(&mut self, frames: &Frames<'_>, samples: &mut Vec<f32>) -> Result<(), AudioError> {
        if frames.channels == 0 {
            return Err(AudioError::Malformed("no channels".into()));
        }
        if let Channel::Index(index) = self.channel
            && index >= frames.channels
            && self.written == 0
        {
            return Err(AudioError::NoChannel { wanted: index + 1, channels: frames.channels });
        }
        let start = samples.len();
        if self.source.as_ref().is_none_or(|(rate, _)| *rate != frames.sample_rate) {
            self.change_source(frames.sample_rate, samples)?;
        }
        self.note(frames.interleaved);
        match &mut self.source {
            Some((_, Some(resampler))) => {
                self.block.clear();
                match self.channel {
                    Channel::Mix => self.mix.push(frames, &mut self.block),
                    Channel::Index(index) => pick(frames, index, &mut self.block),
                }
                resampler.push(&self.block, samples)?;
            }
            _ => match self.channel {
                Channel::Mix => self.mix.push(frames, samples),
                Channel::Index(index) => pick(frames, index, samples),
            },
        }
        self.written(&mut samples[start..]);
        Ok(())
    }

    /// Appends the rest and the warnings about the frames.
    pub(super) fn finish(&mut self, samples: &mut Vec<f32>, warnings: &mut Vec<String>) -> Result<(), AudioError> {
        let start = samples.len();
        self.flush(samples)?;
        self.written(&mut samples[start..]);
        if self.written == 0 {
            return Err(AudioError::NoSamples);
        }
        warnings.extend(self.mix.warning());
        if self.not_finite > 0 {
            warnings.push(format!("{} samples are not finite numbers and count as 0", self.not_finite));
        }
        let peak = f32::from_bits(self.peak);
        if peak > LOUD {
            warnings.push(format!("samples reach {peak:.1} times full scale and are clipped"));
        }
        Ok(())
    }

    /// Counts non-finite samples and finds the peak. In integers, so that the loop is vectorised.
    fn note(&mut self, interleaved: &[f32]) {
        const INFINITE: u32 = f32::INFINITY.to_bits();
        // Short runs, so that the count fits into 32 bits.
        for run in interleaved.chunks(1 << 16) {
            let (mut peak, mut not_finite) = (0, 0);
            for sample in run {
                let bits = sample.abs().to_bits();
                let finite = bits < INFINITE;
                peak = peak.max(if finite { bits } else { 0 });
                not_finite += u32::from(!finite);
            }
            self.peak = self.peak.max(peak);
            self.not_finite += u64::from(not_finite);
        }
    }

    /// Counts new samples and clips them: the resampler's filter overshoots at steps, such as the edges of clipped
    /// samples.
    fn written(&mut self, samples: &mut [f32]) {
        self.written += samples.len() as u64;
        samples.iter_mut().for_each(|sample| *sample = sample.clamp(-1.0, 1.0));
    }

    fn change_source(&mut self, sample_rate: u32, samples: &mut Vec<f32>) -> Result<(), AudioError> {
        check_sample_rate(sample_rate)?;
        self.flush(samples)?;
        let resampler =
            (sample_rate != self.sample_rate).then(|| Resampler::new(sample_rate, self.sample_rate)).transpose()?;
        self.source = Some((sample_rate, resampler));
        Ok(())
    }

    /// Flushes the resampler.
    fn flush(&mut self, samples: &mut Vec<f32>) -> Result<(), AudioError> {
        match self.source.take() {
            Some((_, Some(resampler))) => resampler.finish(samples),
            _ => Ok(()),
        }
    }
}

/// Clips a sample; NaN becomes 0.
pub(super) fn clip(sample: f32) -> f32 {
    if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 }
}

/// Appends one channel of each frame. A stretch with fewer channels than at the start of the recording belongs to each
/// of them.
fn pick(frames: &Frames<'_>, index: usize, mono: &mut Vec<f32>) {
    let index = index.min(frames.channels - 1);
    mono.extend(frames.interleaved.chunks_exact(frames.channels).map(|frame| clip(frame[index])));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_channel_alone() {
        let frames = Frames { sample_rate: 16_000, channels: 3, interleaved: &[0.1, 0.2, 0.3, 0.4, f32::NAN, 0.6] };
        let heard = |channel| {
            let mut mono = Mono::new(16_000, channel).unwrap();
            let mut samples = Vec::new();
            mono.push(&frames, &mut samples).map(|()| samples)
        };
        assert_eq!(heard(Channel::Index(0)).unwrap(), [0.1, 0.4]);
        assert_eq!(heard(Channel::Index(1)).unwrap(), [0.2, 0.0]);
        assert_eq!(heard(Channel::Index(2)).unwrap(), [0.3, 0.6]);
        assert_eq!(heard(Channel::Index(3)).unwrap_err().to_string(), "has no channel 4: it has 3");
    }
}
