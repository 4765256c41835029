//! A spectrogram that keeps only the current window.

use std::borrow::Cow;

use ndarray::Array2;

use super::normalise::normalise;
use super::plan::SILENCE;
use super::{LogMel, LogMelStream};
use crate::media::audio::{AudioError, Samples};

/// A piece of a spectrogram.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// The values for Whisper, `[n_mels, frames]`.
    pub log_mel: Array2<f32>,
    /// Number of leading frames that begin within the recording. The others are the silence after it.
    pub content: usize,
}

/// The spectrogram of a recording followed by silence, read window by window, forwards only.
///
/// It keeps the frames from the start of the last window on, up to one block of the source beyond it.
pub struct Spectrogram<S> {
    source: S,
    /// `None` once the recording has ended.
    stream: Option<LogMelStream>,
    n_mels: usize,
    hop_length: u64,
    silence_behind: usize,
    /// The kept frames, one after the other.
    columns: Vec<f32>,
    /// The number of frames before the first kept one.
    first: usize,
    /// The loudest bin of the recording, if it is known.
    loudest: Option<f32>,
    /// The loudest bin of the frames before the first kept one.
    loudest_passed: f32,
    /// Number of samples read.
    samples: u64,
    block: Vec<f32>,
}

impl<S: Samples> Spectrogram<S> {
    /// Prepares to read `source`.
    ///
    /// `loudest` is that of [`LogMel::measure`] on the same recording; the windows are then those of
    /// [`LogMel::compute`] on the whole of it. `None` if a recording cannot be read twice: the floor of each window is
    /// then set by the loudest bin of the frames up to the window's end, however far the source was read.
    ///
    /// # Errors
    /// [`AudioError::OtherRate`].
    pub fn new(log_mel: &LogMel, source: S, loudest: Option<f32>) -> Result<Self, AudioError> {
        log_mel.check_rate(source.sample_rate())?;
        Ok(Self {
            source,
            stream: Some(log_mel.stream()),
            n_mels: log_mel.config().n_mels,
            hop_length: log_mel.config().hop_length as u64,
            silence_behind: log_mel.plan.silence_behind(),
            columns: Vec::new(),
            first: 0,
            loudest,
            loudest_passed: SILENCE,
            samples: 0,
            block: Vec::new(),
        })
    }

    /// The `frames` frames from `first` on, for which the source is read as far as necessary. Frames before `first` are
    /// dropped.
    ///
    /// # Errors
    /// [`AudioError::FramePassed`] for a dropped frame, and those of the source.
    pub fn window(&mut self, first: usize, frames: usize) -> Result<Window, AudioError> {
        if first < self.first {
            return Err(AudioError::FramePassed { frame: first, first: self.first });
        }
        self.let_go(first);
        while self.finished() < first.saturating_add(frames) && self.read()? {
            self.let_go(first);
        }
        self.let_go(first);
        // The recording may have ended before `first`.
        let held = &self.columns[..self.n_mels * self.finished().saturating_sub(first).min(frames)];
        let loudest = self.loudest.unwrap_or_else(|| loudest(self.loudest_passed, held));
        let mut columns = Cow::Borrowed(held);
        if held.len() < frames * self.n_mels {
            columns.to_mut().resize(frames * self.n_mels, SILENCE);
        }
        let content = self.frames().saturating_sub(first).min(frames);
        Ok(Window { log_mel: normalise(&columns, self.n_mels, loudest), content })
    }

    /// Reads the next block of the source; `false` once it has ended. [`Spectrogram::window`] does so itself; a caller
    /// that must not block on a live source reads until [`Spectrogram::frames`] suffices.
    ///
    /// # Errors
    /// Those of the source.
    pub fn read(&mut self) -> Result<bool, AudioError> {
        let Some(stream) = &mut self.stream else { return Ok(false) };
        self.block.clear();
        let more = self.source.read(&mut self.block)?;
        if more {
            stream.push(&self.block, &mut self.columns);
            self.samples += self.block.len() as u64;
        } else if let Some(stream) = self.stream.take() {
            stream.finish(self.silence_behind, &mut self.columns);
        }
        Ok(more)
    }

    /// Number of samples read so far; of the whole recording once it has ended.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Number of finished frames that begin within the samples read so far; of the whole recording once it has ended.
    pub fn frames(&self) -> usize {
        match &self.stream {
            Some(_) => self.finished(),
            None => usize::try_from(self.samples / self.hop_length).unwrap_or(usize::MAX),
        }
    }

    /// Whether the source has been read to its end, so that [`Spectrogram::frames`] and [`Spectrogram::samples`] are
    /// those of the whole recording.
    pub fn ended(&self) -> bool {
        self.stream.is_none()
    }

    /// The source, for its warnings.
    pub fn source(&self) -> &S {
        &self.source
    }

    /// Number of finished frames, including dropped ones; at the end also the few that overlap the recording but begin
    /// after it.
    fn finished(&self) -> usize {
        self.first + self.columns.len() / self.n_mels
    }

    /// Drops the frames before `first`.
    fn let_go(&mut self, first: usize) {
        let passed = first.min(self.finished()).saturating_sub(self.first);
        let columns = self.columns.drain(..passed * self.n_mels);
        self.loudest_passed = columns.fold(self.loudest_passed, f32::max);
        self.first += passed;
    }
}

fn loudest(before: f32, columns: &[f32]) -> f32 {
    columns.iter().copied().fold(before, f32::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::audio::LogMelConfig;

    /// Eight hours of a rising tone, generated while being read.
    struct EightHours {
        read: u64,
    }

    const RATE: u32 = 16_000;
    const SAMPLES: u64 = 8 * 3600 * RATE as u64;
    const BLOCK: usize = 16_384;

    impl Samples for EightHours {
        fn sample_rate(&self) -> u32 {
            RATE
        }

        fn read(&mut self, samples: &mut Vec<f32>) -> Result<bool, AudioError> {
            let count = (SAMPLES - self.read).min(BLOCK as u64);
            let loudness = self.read as f32 / SAMPLES as f32;
            samples.extend((0..count).map(|n| if n % 8 < 4 { loudness } else { -loudness }));
            self.read += count;
            Ok(count > 0)
        }
    }

    #[test]
    fn eight_hours_take_no_more_memory_than_two_windows() {
        // Short frames, so that the test takes a second; the hop, which determines how much is kept, is Whisper's.
        let config = LogMelConfig { sample_rate: RATE, n_fft: 16, hop_length: 160, n_mels: 2 };
        let log_mel = LogMel::new(&config).unwrap();
        let extent = log_mel.measure(&mut EightHours { read: 0 }).unwrap();
        assert_eq!((extent.samples, extent.frames), (SAMPLES, 8 * 3600 * 100));

        let mut spectrogram = Spectrogram::new(&log_mel, EightHours { read: 0 }, Some(extent.loudest)).unwrap();
        let (mut seek, mut held, mut windows) = (0, 0, 0);
        loop {
            let window = spectrogram.window(seek, 3000).unwrap();
            held = held.max(spectrogram.columns.capacity() / 2);
            assert!(spectrogram.block.capacity() <= 2 * BLOCK);
            if let Some(stream) = &spectrogram.stream {
                assert!(stream.held_capacity() < 8192, "{} samples", stream.held_capacity());
            }
            if window.content == 0 {
                break;
            }
            seek += window.content.min(2_900);
            windows += 1;
        }
        assert!(windows > 900, "{windows} windows");
        assert!(held <= 2 * 3000 + BLOCK / 160, "{held} frames");
        assert!(spectrogram.ended() && spectrogram.frames() == extent.frames);
    }
}
