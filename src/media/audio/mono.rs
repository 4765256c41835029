//! Converts interleaved frames to mono at one sample rate.

use super::AudioError;
use super::interleaved::Frames;
use super::phase::Mix;
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

/// What of a recording with several channels is heard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Channel {
    /// All channels, averaged.
    #[default]
    Mix,
    /// One channel alone, counted from 0.
    Index(usize),
}

/// Averages channels or picks one, replaces what is not finite, clips, resamples.
pub(super) struct Mono {
    sample_rate: u32,
    channel: Channel,
    mix: Mix,
    /// The rate of the frames that came last, and the resampler for it (none where it is the wanted rate).
    source: Option<(u32, Option<Resampler>)>,
    /// The last block of frames, averaged.
    block: Vec<f32>,
    /// Samples written in all.
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

    /// Takes frames and appends to `samples` what is ready.
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

    /// Appends the rest, and says what was odd about the frames.
    pub(super) fn finish(&mut self, samples: &mut Vec<f32>, warnings: &mut Vec<String>) -> Result<(), AudioError> {
        let start = samples.len();
        self.flush(samples)?;
        self.written(&mut samples[start..]);
        if self.written == 0 {
            return Err(AudioError::NoSamples);
        }
        warnings.extend(self.mix.warning());
        if self.not_finite > 0 {
            warnings.push(format!("{} samples were not finite numbers and are taken as 0", self.not_finite));
        }
        let peak = f32::from_bits(self.peak);
        if peak > LOUD {
            warnings.push(format!("samples reach {peak:.1} times full scale and are clipped"));
        }
        Ok(())
    }

    /// Counts what is not finite and finds the peak. In integers, so that the loop runs in vector registers.
    fn note(&mut self, interleaved: &[f32]) {
        const INFINITE: u32 = f32::INFINITY.to_bits();
        // Short runs, so that the count fits its 32 bits.
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

    /// Takes the samples that the resampler still holds.
    fn flush(&mut self, samples: &mut Vec<f32>) -> Result<(), AudioError> {
        match self.source.take() {
            Some((_, Some(resampler))) => resampler.finish(samples),
            _ => Ok(()),
        }
    }
}

/// A sample that counts: clipped, and 0 where it is not a number.
pub(super) fn clip(sample: f32) -> f32 {
    if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 }
}

/// Appends one channel of each frame. A stretch with fewer channels than the recording began with belongs to each of
/// them.
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
