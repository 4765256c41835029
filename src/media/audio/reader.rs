//! Audio files of every kind as one stream of samples.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::compressed::{CompressedDecoder, Input};
use super::decoder::{Decoder, Fallback, MonoReader};
use super::ffmpeg::FfmpegDecoder;
use super::parts::{JoinedDecoder, Part};
use super::wav::{self, Header, WavDecoder};
use super::{AudioError, AudioFile, Channel, Samples, unsupported};
use crate::config::Ffmpeg;

/// Maximum duration in seconds of a WAV file decoded at a time.
const BLOCK_SECONDS: f64 = 1.0;

/// Number of bytes at the start that identify the format: one frame of every format without a file header.
const BEGINNING: u64 = 1 << 13;

/// Reads an audio file block by block, in memory that does not grow with it. Opened again, the same file yields the
/// same samples.
pub struct AudioReader {
    mono: MonoReader,
    /// The longest recording to decode, and the samples that are left of it.
    longest: Option<(Duration, u64)>,
}

impl AudioReader {
    /// Opens a file to be read as mono samples in [-1, 1] at `sample_rate` Hz.
    ///
    /// The format is determined by the file's content, never by its name. Channels are averaged. A file that already is
    /// mono at `sample_rate` is returned unchanged (16-bit samples as `value / 32768`); another rate is resampled
    /// without a shift in time, to `round(frames * sample_rate / file's rate)` samples. The encoder's priming is
    /// removed if the file declares it (mp3, vorbis, opus, the edit list of MP4); in AAC without a container 20 to 50
    /// ms remain.
    ///
    /// As in ffmpeg and libsndfile, damage is tolerated with a warning: a truncated file yields the part that exists,
    /// corrupt packets are left out, samples that are not finite become 0, and samples beyond [-1, 1] are clipped.
    /// Memory holds a few blocks, whatever a header claims.
    ///
    /// # Errors
    /// [`AudioError`], one line: an unreadable file, no audio in it, an unsupported codec, an invalid header. A file
    /// without a single sample is an error of [`Samples::read`].
    pub fn open(path: &Path, sample_rate: u32) -> Result<Self, AudioError> {
        Self::of(&AudioFile::new(path), sample_rate, Channel::Mix)
    }

    /// As [`Self::open`], for the selected channels.
    ///
    /// # Errors
    /// As [`Self::open`]. [`AudioError::NoChannel`] from [`Samples::read`] if the recording has fewer channels.
    pub fn of(source: &AudioFile, sample_rate: u32, channel: Channel) -> Result<Self, AudioError> {
        let (file, len) = source.open()?;
        let (ffmpeg, bytes) = (source.ffmpeg().clone(), file.clone());
        let with_ffmpeg = move |error| decode_with_ffmpeg(error, &ffmpeg, &bytes, len);
        let (decoder, fallback): (_, Option<Fallback>) = match JoinedDecoder::open(file.clone(), len, built_in) {
            Ok(decoder) => (decoder, Some(Box::new(with_ffmpeg))),
            // Any file may contain what looks like a frame, so this comes last.
            Err(AudioError::UnknownFormat) => {
                (with_ffmpeg(AudioError::UnknownFormat).or_else(|_| scan(&file, len))?, None)
            }
            Err(error) => (with_ffmpeg(error)?, None),
        };
        let reader = MonoReader::new(decoder, sample_rate, channel)?;
        let mono = match fallback {
            Some(fallback) => reader.with_fallback(fallback),
            None => reader,
        };
        let samples = |longest: Duration| (longest.as_secs_f64() * f64::from(sample_rate)) as u64;
        Ok(Self { mono, longest: source.longest().map(|longest| (longest, samples(longest))) })
    }

    /// Number of channels of the first frames.
    pub(super) fn channels(self) -> Result<usize, AudioError> {
        self.mono.channels()
    }

    /// As [`Samples::read`].
    ///
    /// # Errors
    /// [`AudioError`]: the file cannot be decoded any further, or ended without a single sample.
    pub fn read(&mut self, samples: &mut Vec<f32>) -> Result<bool, AudioError> {
        let before = samples.len();
        let more = self.mono.read(samples)?;
        if let Some((longest, left)) = &mut self.longest {
            let read = samples.len().saturating_sub(before) as u64;
            *left = left.checked_sub(read).ok_or(AudioError::TooLong { seconds: longest.as_secs() })?;
        }
        Ok(more)
    }

    /// As [`Samples::warnings`].
    pub fn warnings(&self) -> &[String] {
        self.mono.warnings()
    }
}

/// A built-in decoder for a recording.
///
/// # Errors
/// [`AudioError`]; [`AudioError::UnknownFormat`] if it does not begin like any format that has such a decoder.
fn built_in(part: &Part) -> Result<Box<dyn Decoder>, AudioError> {
    let mut bytes = part.span.bytes();
    let mut magic = Vec::new();
    (&mut bytes).take(BEGINNING).read_to_end(&mut magic)?;
    bytes.rewind()?;
    let compressed = |wav_codec| {
        let decoder = CompressedDecoder::open(Input::File(part.span.clone()), &magic, wav_codec)?;
        Ok(Box::new(decoder.with_warning(part.warning.clone())) as Box<dyn Decoder>)
    };
    if let Some(codec) = unsupported::format_name(&magic) {
        return Err(AudioError::UnsupportedCodec { codec: codec.into() });
    }
    if !wav::is_wav(&magic) {
        return if unsupported::is_compressed(&magic) { compressed(None) } else { Err(AudioError::UnknownFormat) };
    }
    let header = Header::read(&mut bytes, Some(part.span.len()))?;
    if header.encoding().is_none() {
        return compressed(Some(header.format_tag));
    }
    Ok(Box::new(WavDecoder::new(bytes, header, BLOCK_SECONDS)?))
}

/// The first recording found anywhere in a file of an unknown format, such as one after a damaged beginning.
fn scan(file: &Arc<File>, len: u64) -> Result<Box<dyn Decoder>, AudioError> {
    let part = Part::find(file, 0, len)?;
    let mut magic = Vec::new();
    part.span.bytes().take(BEGINNING).read_to_end(&mut magic)?;
    match CompressedDecoder::open(Input::File(part.span), &magic, None) {
        Ok(decoder) => Ok(Box::new(decoder)),
        // The whole file was searched.
        Err(AudioError::CutOff) => Err(AudioError::UnknownFormat),
        Err(error) => Err(error),
    }
}

/// ffmpeg's decoder, if `error` may be due to the limits of the built-in decoders.
fn decode_with_ffmpeg(
    error: AudioError,
    ffmpeg: &Ffmpeg,
    file: &Arc<File>,
    len: u64,
) -> Result<Box<dyn Decoder>, AudioError> {
    let is_worth_a_try = matches!(
        error,
        AudioError::UnknownFormat
            | AudioError::NoAudioTrack
            | AudioError::UnsupportedCodec { .. }
            | AudioError::Malformed(_)
            | AudioError::CutOff
            | AudioError::NothingDecodable
    );
    match is_worth_a_try.then(|| FfmpegDecoder::open(ffmpeg, file)).flatten() {
        Some(Ok(mut decoder)) => {
            if Part::find(file, 0, len)?.next.is_some() {
                decoder.note("another recording follows in the file, which ffmpeg may leave out");
            }
            Ok(Box::new(decoder))
        }
        // An unknown file is reported as such, whatever ffmpeg says.
        Some(Err(problem)) if matches!(error, AudioError::UnsupportedCodec { .. }) => Err(problem),
        _ => Err(error),
    }
}

impl Samples for AudioReader {
    fn sample_rate(&self) -> u32 {
        self.mono.sample_rate()
    }

    fn read(&mut self, samples: &mut Vec<f32>) -> Result<bool, AudioError> {
        Self::read(self, samples)
    }

    fn warnings(&self) -> &[String] {
        self.mono.warnings()
    }
}

/// Decodes a whole audio file to mono samples in [-1, 1] at `sample_rate` Hz, as [`AudioReader`] does.
///
/// # Errors
/// As [`AudioReader::open`] and [`AudioReader::read`].
pub fn load(path: &Path, sample_rate: u32) -> Result<Vec<f32>, AudioError> {
    AudioFile::new(path).load(sample_rate, &mut Vec::new())
}
