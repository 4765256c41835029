//! Live sound, from standard input or any other stream.

use std::io::{self, Cursor, Read};

use super::compressed::{CompressedDecoder, Input};
use super::decoder::MonoReader;
use super::wav::{self, Header, WavDecoder};
use super::{AudioError, Channel, Samples, unsupported};

/// Maximum duration in seconds of sound to wait for at a time.
const BLOCK_SECONDS: f64 = 0.05;

/// Maximum number of bytes of a WAV header kept in case the codec needs another decoder.
const LONGEST_HEADER: usize = 1 << 20;

/// A stream that keeps the bytes read from it, up to [`LONGEST_HEADER`].
struct Recorded<S> {
    stream: S,
    seen: Vec<u8>,
}

impl<S: Read> Read for Recorded<S> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(bytes)?;
        let room = LONGEST_HEADER - self.seen.len();
        self.seen.extend_from_slice(&bytes[..read.min(room)]);
        Ok(read)
    }
}

/// Reads sound from a stream while it is being written: WAV of any encoding, mp3, flac, ogg, webm, adts, MP4 with its
/// index at the start, aiff, or raw samples.
///
/// A stream that begins with a WAV header is read accordingly: any rate and number of channels, and up to the end of
/// the stream if the sizes in the header are those of a program that could not know them (0, 0xFFFFFFFF and the like).
/// Other unrecognised streams are read as raw samples: 16-bit little-endian signed integers, mono,
/// [`LiveReader::RAW_SAMPLE_RATE`] Hz.
pub struct LiveReader(MonoReader);

impl LiveReader {
    /// The rate of raw samples, in Hz.
    pub const RAW_SAMPLE_RATE: u32 = 16_000;

    /// Waits for the first bytes (up to the first sample of a WAV stream, 64 bytes of a raw one) and prepares to read
    /// mono samples in [-1, 1] at `sample_rate` Hz.
    ///
    /// [`AudioError::EmptyStream`]; [`AudioError::NotLive`] if the stream begins like a file of another format,
    /// [`AudioError::UnknownFormat`] if it begins like a picture or a document; and as for a WAV file: an invalid
    /// header, an unsupported codec.
    pub fn new(stream: impl Read + Send + 'static, sample_rate: u32) -> Result<Self, AudioError> {
        Self::of_channel(stream, sample_rate, Channel::Mix)
    }

    /// As [`LiveReader::new`], for one channel.
    ///
    /// # Errors
    /// As [`LiveReader::new`], and [`AudioError`] for a channel that the stream does not have.
    pub fn of_channel(
        mut stream: impl Read + Send + 'static,
        sample_rate: u32,
        channel: Channel,
    ) -> Result<Self, AudioError> {
        let mut magic = Vec::new();
        fill(&mut stream, &mut magic, unsupported::MAGIC_LEN)?;
        if magic.is_empty() {
            return Err(AudioError::EmptyStream);
        }
        let is_wav = wav::is_wav(&magic);
        if !is_wav {
            if let Some(needed) = unsupported::frame_to_confirm(&magic) {
                fill(&mut stream, &mut magic, needed)?;
            }
            if let Some(format) = unsupported::format_name(&magic) {
                return Err(AudioError::NotLive { format });
            }
            if unsupported::is_not_sound(&magic) {
                return Err(AudioError::UnknownFormat);
            }
            // Its reader needs to seek.
            if magic.starts_with(b"caff") {
                return Err(AudioError::NotLive { format: "CAF" });
            }
            if unsupported::is_compressed(&magic) {
                return Self::compressed(magic, stream, None, (sample_rate, channel));
            }
        }
        let stream = Cursor::new(magic).chain(stream);
        if !is_wav {
            return Self::wav(stream, Header::raw(Self::RAW_SAMPLE_RATE), (sample_rate, channel));
        }
        let mut recorded = Recorded { stream, seen: Vec::new() };
        let header = Header::read(&mut recorded, None)?;
        let Recorded { stream, seen } = recorded;
        match header.encoding() {
            None if seen.len() < LONGEST_HEADER => {
                Self::compressed(seen, stream, Some(header.format_tag), (sample_rate, channel))
            }
            _ => Self::wav(stream, header, (sample_rate, channel)),
        }
    }

    fn wav(
        stream: impl Read + Send + 'static,
        header: Header,
        (sample_rate, channel): (u32, Channel),
    ) -> Result<Self, AudioError> {
        MonoReader::new(Box::new(WavDecoder::new(stream, header, BLOCK_SECONDS)?), sample_rate, channel).map(Self)
    }

    /// `beginning` holds the bytes already read from the stream.
    fn compressed(
        beginning: Vec<u8>,
        stream: impl Read + Send + 'static,
        wav_codec: Option<u16>,
        (sample_rate, channel): (u32, Channel),
    ) -> Result<Self, AudioError> {
        let whole = Cursor::new(beginning.clone()).chain(stream);
        let decoder = CompressedDecoder::open(Input::Stream(Some(Box::new(whole))), &beginning, wav_codec)?;
        MonoReader::new(Box::new(decoder), sample_rate, channel).map(Self)
    }

    /// As [`Samples::read`]: waits until there is a sample, not until there are many.
    ///
    /// # Errors
    /// [`AudioError`]: the stream cannot be read, or ended without a single sample.
    pub fn read(&mut self, samples: &mut Vec<f32>) -> Result<bool, AudioError> {
        self.0.read(samples)
    }

    /// As [`Samples::warnings`].
    pub fn warnings(&self) -> &[String] {
        self.0.warnings()
    }
}

impl Samples for LiveReader {
    fn sample_rate(&self) -> u32 {
        self.0.sample_rate()
    }

    fn read(&mut self, samples: &mut Vec<f32>) -> Result<bool, AudioError> {
        self.0.read(samples)
    }

    fn warnings(&self) -> &[String] {
        self.0.warnings()
    }
}

/// Reads until `bytes` holds `len` bytes, or the stream ends.
fn fill(stream: &mut impl Read, bytes: &mut Vec<u8>, len: usize) -> Result<(), AudioError> {
    let missing = len.saturating_sub(bytes.len());
    stream.take(missing as u64).read_to_end(bytes)?;
    Ok(())
}
