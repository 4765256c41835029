//! Mixes channels to mono, even if they cancel each other out.
//!
//! A microphone wired the wrong way round, or a balanced line recorded as stereo, puts the same sound into two channels
//! with opposite signs, and their average is silence. In that case only the louder channel is used.

use super::interleaved::Frames;
use super::mono::clip;

/// Time constant in seconds: after it, sound counts for a third.
const MEMORY_SECONDS: f64 = 0.25;

/// Decisions per second.
const DECISIONS: u32 = 50;

/// Below this mean square (-90 dBFS) there is nothing to decide about.
const SILENCE: f64 = 1e-9;

/// Uncorrelated channels leave one n-th of their mean power in the mix of n. Below a tenth of that they cancel each
/// other out; above half of it they no longer do.
const CANCELLED: f64 = 0.1;
const RECOVERED: f64 = 0.5;

/// Sound that is weaker than this part of what was cancelled (-20 dB) shows no recovery: in pauses the channels have
/// only noise, each its own.
const WEAK: f64 = 0.01;

/// Mixes a stream of frames while tracking the power of its channels.
#[derive(Default)]
pub(super) struct Mix {
    /// Power of each channel and of the mix, times frames, decaying with time.
    channels: Vec<f64>,
    mixed: f64,
    frames: f64,
    /// The channel that is used alone.
    alone: Option<usize>,
    /// The greatest mean square of the channels while they cancelled each other out.
    cancelled: f64,
    /// Number of frames that were not mixed, and the channel used for the first of them.
    unmixed: Option<(usize, f64)>,
}

impl Mix {
    /// Appends one sample for each frame.
    pub(super) fn push(&mut self, frames: &Frames<'_>, mono: &mut Vec<f32>) {
        if frames.channels == 1 {
            return average(frames, mono);
        }
        if self.channels.len() != frames.channels {
            *self = Self { channels: vec![0.0; frames.channels], unmixed: self.unmixed, ..Self::default() };
        }
        let hop = (frames.sample_rate / DECISIONS).max(1) as usize * frames.channels;
        for interleaved in frames.interleaved.chunks(hop) {
            let hop = Frames { interleaved, ..*frames };
            let (before, heard) = (self.alone, self.frames > 0.0);
            let start = mono.len();
            average(&hop, mono);
            self.listen(&hop, &mono[start..]);
            self.decide();
            if self.alone.is_none() && before.is_none() {
                continue;
            }
            self.note(&hop);
            // Crossfade within a hop, to avoid a click; not needed at the start.
            let from = if heard { before } else { self.alone };
            let scale = 1.0 / (mono.len() - start).max(1) as f32;
            for (index, (sample, frame)) in
                mono[start..].iter_mut().zip(interleaved.chunks_exact(frames.channels)).enumerate()
            {
                let value = |alone: Option<usize>| alone.map_or(*sample, |channel| clip(frame[channel]));
                let share = index as f32 * scale;
                *sample = value(from) * (1.0 - share) + value(self.alone) * share;
            }
        }
    }

    /// The warning at the end, if any.
    pub(super) fn warning(&self) -> Option<String> {
        let (channel, seconds) = self.unmixed?;
        Some(format!(
            "its channels cancel each other out (opposite phase): only channel {} is used for {seconds:.1} s",
            channel + 1
        ))
    }

    fn listen(&mut self, hop: &Frames<'_>, mixed: &[f32]) {
        let fade = (-(mixed.len() as f64) / (f64::from(hop.sample_rate.max(1)) * MEMORY_SECONDS)).exp();
        let square = |sample: f32| f64::from(sample) * f64::from(sample);
        let mut powers = vec![0.0; hop.channels];
        for frame in hop.interleaved.chunks_exact(hop.channels) {
            powers.iter_mut().zip(frame).for_each(|(power, &sample)| *power += square(clip(sample)));
        }
        self.channels.iter_mut().zip(powers).for_each(|(sum, power)| *sum = *sum * fade + power);
        self.mixed = self.mixed * fade + mixed.iter().map(|&sample| square(sample)).sum::<f64>();
        // Silence before the first sound does not count.
        if self.frames > 0.0 || self.channels.iter().any(|&power| power > 0.0) {
            self.frames = self.frames * fade + mixed.len() as f64;
        }
    }

    fn decide(&mut self) {
        let count = self.channels.len() as f64;
        let mean = self.channels.iter().sum::<f64>() / count;
        if mean <= SILENCE * self.frames {
            return;
        }
        let share = self.mixed / mean * count;
        let square = mean / self.frames.max(1.0);
        if share < CANCELLED {
            self.cancelled = self.cancelled.max(square);
        }
        if self.alone.is_none() && share < CANCELLED {
            let loudest = (0..self.channels.len()).max_by(|&a, &b| self.channels[a].total_cmp(&self.channels[b]));
            // If two are equally loud, the first.
            let top = loudest.map_or(0.0, |loudest| self.channels[loudest]);
            self.alone = self.channels.iter().position(|&power| power >= top * 0.9);
        } else if share > RECOVERED && square > WEAK * self.cancelled {
            self.alone = None;
        }
    }

    fn note(&mut self, hop: &Frames<'_>) {
        let Some(channel) = self.alone else { return };
        let seconds = (hop.interleaved.len() / hop.channels) as f64 / f64::from(hop.sample_rate.max(1));
        let (_, sum) = self.unmixed.get_or_insert((channel, 0.0));
        *sum += seconds;
    }
}

/// Appends the mean of each frame's samples.
fn average(frames: &Frames<'_>, mono: &mut Vec<f32>) {
    let scale = 1.0 / frames.channels as f32;
    let mean = |frame: &[f32]| frame.iter().fold(0.0, |sum, &sample| sum + clip(sample)) * scale;
    // Constant numbers of channels in the first two arms let the compiler unroll the loop.
    match frames.channels {
        1 => mono.extend(frames.interleaved.iter().map(|&sample| mean(&[sample]))),
        2 => mono.extend(frames.interleaved.chunks_exact(2).map(|frame| mean(&[frame[0], frame[1]]))),
        channels => mono.extend(frames.interleaved.chunks_exact(channels).map(mean)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 16_000;

    fn tone(len: usize) -> Vec<f32> {
        (0..len).map(|n| 0.5 * (n as f32 * 0.3).sin()).collect()
    }

    /// The mix of frames whose right channel is the left one times `right`.
    fn mix(left: &[f32], right: impl Fn(usize) -> f32, block: usize) -> (Vec<f32>, Option<String>) {
        let interleaved: Vec<f32> = left.iter().enumerate().flat_map(|(n, &it)| [it, it * right(n)]).collect();
        let (mut mix, mut mono) = (Mix::default(), Vec::new());
        for interleaved in interleaved.chunks(2 * block) {
            mix.push(&Frames { sample_rate: RATE, channels: 2, interleaved }, &mut mono);
        }
        (mono, mix.warning())
    }

    #[test]
    fn opposite_channels_are_not_lost() {
        // Silence first, as in most recordings.
        let left = [vec![0.0; 9_000], tone(64_000)].concat();
        for block in [100, 320, 4096, 100_000] {
            let (mono, warning) = mix(&left, |_| -1.0, block);
            let worst = mono.iter().zip(&left).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-6, "blocks of {block}: off by {worst}");
            assert!(warning.unwrap().starts_with("its channels cancel each other out (opposite phase): only"));
        }
    }

    #[test]
    fn other_channels_are_averaged_to_the_bit() {
        let left = tone(64_000);
        for right in [1.0f32, 0.0, 0.5, -0.5] {
            let (mono, warning) = mix(&left, |_| right, 4096);
            let expected: Vec<f32> = left.iter().map(|&it| (0.0 + it + it * right) * 0.5).collect();
            assert_eq!((mono, warning), (expected, None), "{right}");
        }
    }

    #[test]
    fn a_change_of_phase_does_not_click() {
        let left = tone(128_000);
        let (mono, warning) = mix(&left, |n| if n / 32_000 % 2 == 0 { 1.0 } else { -1.0 }, 4096);
        let step = |samples: &[f32]| samples.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
        assert!(warning.is_some());
        assert!(step(&mono[..31_900]) < 0.16 && step(&mono[36_000..63_000]) < 0.16, "{}", step(&mono));
    }

    #[test]
    fn of_many_channels_one_may_sound_alone() {
        let interleaved: Vec<f32> = tone(16_000).into_iter().flat_map(|it| [0.0, 0.0, it, 0.0, 0.0, 0.0]).collect();
        let (mut mix, mut mono) = (Mix::default(), Vec::new());
        mix.push(&Frames { sample_rate: RATE, channels: 6, interleaved: &interleaved }, &mut mono);
        assert_eq!(mix.warning(), None);
        assert!((mono[1_000] - interleaved[6 * 1_000 + 2] / 6.0).abs() < 1e-6);
    }

    #[test]
    fn noise_of_each_channel_does_not_hide_that_the_rest_is_cancelled() {
        let mut random = fastrand::Rng::with_seed(3);
        // At -50 dBFS.
        let mut noise = || 0.0055 * (random.f32() - 0.5) * 2.0;
        // Sound that grows from -32 dBFS, pauses, and begins again as weak.
        let sound: Vec<f32> = tone(96_000)
            .into_iter()
            .enumerate()
            .map(|(n, it)| it * [0.1, 0.5, 1.0, 0.0, 0.05, 0.1][n / 16_000])
            .collect();
        let interleaved: Vec<f32> = sound.iter().flat_map(|it| [it * 0.5 + noise(), it * -0.5 + noise()]).collect();
        let (mut mix, mut mono) = (Mix::default(), Vec::new());
        for interleaved in interleaved.chunks(2 * 320) {
            mix.push(&Frames { sample_rate: RATE, channels: 2, interleaved }, &mut mono);
        }
        assert!(mix.warning().is_some());
        let power = |samples: &[f32]| samples.iter().map(|it| it * it).sum::<f32>();
        for (second, (mono, sound)) in mono.chunks(16_000).zip(sound.chunks(16_000)).enumerate() {
            let half: Vec<f32> = sound.iter().map(|it| it * 0.5).collect();
            assert!(power(mono) > 0.9 * power(&half), "second {second}: {} of {}", power(mono), power(&half));
        }
    }
}
