//! WAV files and streams with integer or floating-point samples.
//!
//! Recorders write incorrect headers: sizes of 0 or 0xFFFFFFFF from programs that could not seek back, sizes beyond the
//! end of a truncated file, odd chunks without their padding byte. [`Header`] therefore finds the samples as ffmpeg
//! does, and `hound` reads them in a [`Block`].

mod block;
mod encoding;
mod following;
mod header;

use std::io::{ErrorKind, Read};

use block::Block;
use following::{Ahead, Following};
pub(super) use header::{Header, format_name};

use super::AudioError;
use super::decoder::Decoder;
use super::interleaved::Frames;
use super::mono::check_sample_rate;
use super::parts::left_out;

/// Number of bytes read at a time, in whole frames.
const BLOCK_LEN: usize = 1 << 15;

/// Whether a file that begins with `magic` is a WAV file (RF64 and BW64 are its forms for more than 4 GiB, RIFX the
/// big-endian one).
pub(super) fn is_wav(magic: &[u8]) -> bool {
    matches!(magic.get(..4), Some(b"RIFF" | b"RF64" | b"BW64" | b"RIFX")) && magic.get(8..12) == Some(b"WAVE")
}

/// Whether the numbers of a WAV file that begins with `magic` are big-endian.
pub(super) fn is_big_endian(magic: &[u8]) -> bool {
    magic.starts_with(b"RIFX")
}

/// Bytes after the samples that are not a chunk count as samples if they last this many seconds.
const SHORTEST_UNDECLARED: f64 = 0.1;

/// Decodes the samples of a WAV file or stream as they arrive.
///
/// Declared lengths do not cut sound off: a second `data` chunk, another WAV file after this one, and samples beyond
/// the declared length are all read.
pub(super) struct WavDecoder<R> {
    reader: Ahead<R>,
    block_seconds: f64,
    recording: Recording,
    /// Warnings about the header.
    warning: Option<String>,
    seconds_before: f64,
    interleaved: Vec<f32>,
}

/// One of the recordings of a file, usually the only one.
struct Recording {
    sample_rate: u32,
    channels: usize,
    frame_len: usize,
    /// Number of bytes of samples declared by the header.
    data_len: Option<u64>,
    /// Number of bytes after them that belong to their chunk.
    tail: usize,
    /// Number of bytes of the file from the first sample on, if its length is known.
    available: Option<u64>,
    received: u64,
    big_endian: bool,
    block: Block,
}

impl Recording {
    fn new(header: &Header, block_seconds: f64) -> Result<Self, AudioError> {
        check_sample_rate(header.sample_rate)?;
        let Some(encoding) = header.encoding() else {
            return Err(AudioError::UnsupportedCodec {
                codec: format!("{} in a wav stream", format_name(header.format_tag)),
            });
        };
        let frame_len = usize::from(header.frame_len());
        let block_frames = (f64::from(header.sample_rate) * block_seconds) as usize;
        Ok(Self {
            sample_rate: header.sample_rate,
            channels: usize::from(header.channels),
            frame_len,
            data_len: header.data_len,
            tail: header.tail,
            available: header.available,
            received: 0,
            big_endian: header.big_endian,
            block: Block::new(encoding, frame_len, block_frames.min(BLOCK_LEN / frame_len).max(1))?
                .swapped(header.swapped_len()),
        })
    }

    /// Duration in seconds of a number of bytes of samples.
    fn seconds(&self, bytes: u64) -> f64 {
        (bytes / self.frame_len as u64) as f64 / f64::from(self.sample_rate)
    }
}

impl<R: Read + Send> WavDecoder<R> {
    /// `reader` must be at the first sample; `block_seconds` bounds the sound to wait for and return at a time.
    pub(super) fn new(reader: R, header: Header, block_seconds: f64) -> Result<Self, AudioError> {
        Ok(Self {
            reader: Ahead::new(reader),
            block_seconds,
            recording: Recording::new(&header, block_seconds)?,
            warning: header.warning,
            seconds_before: 0.0,
            interleaved: Vec::new(),
        })
    }

    /// Reads the available bytes, blocking only if there are none; 0 bytes at the end of the samples.
    fn receive(&mut self) -> Result<usize, AudioError> {
        let recording = &mut self.recording;
        let left = recording.data_len.map_or(u64::MAX, |len| len - recording.received);
        let room = recording.block.room();
        let len = room.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        loop {
            match self.reader.read(&mut room[..len]) {
                Ok(read) => {
                    recording.block.fill(read);
                    recording.received += read as u64;
                    return Ok(read);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Whether there are more samples after those that the header declares.
    fn goes_on(&mut self, warnings: &mut Vec<String>) -> Result<bool, AudioError> {
        let recording = &mut self.recording;
        let Some(len) = recording.data_len.filter(|len| *len == recording.received) else { return Ok(false) };
        let left = recording.available.map(|available| available.saturating_sub(len));
        let shortest = (SHORTEST_UNDECLARED * f64::from(recording.sample_rate)) as u64 * recording.frame_len as u64;
        let shortest = shortest.min(BLOCK_LEN as u64);
        let declared = recording.seconds(len);
        match self.reader.following(recording.tail, left, shortest, recording.big_endian) {
            Ok(Following::Nothing) => Ok(false),
            Ok(Following::Data { size, available }) => {
                let frame_len = recording.frame_len as u64;
                self.seconds_before += declared;
                (recording.data_len, recording.tail) =
                    (Some(size - size % frame_len), (size % frame_len + size % 2) as usize);
                (recording.available, recording.received) = (available, 0);
                Ok(size >= frame_len)
            }
            Ok(Following::Undeclared) => {
                warnings
                    .push(format!("its header declares {declared:.1} s, but more sound follows, which is used too"));
                recording.data_len = None;
                Ok(true)
            }
            Ok(Following::Recording(header)) => {
                self.seconds_before += declared;
                match Recording::new(&header, self.block_seconds) {
                    Ok(next) => {
                        self.recording = next;
                        warnings.extend(header.warning);
                        Ok(true)
                    }
                    Err(error) => {
                        warnings.push(left_out(&error, self.seconds_before));
                        Ok(false)
                    }
                }
            }
            Err(error @ AudioError::File(_)) => Err(error),
            Err(error) => {
                warnings.push(left_out(&error, self.seconds_before + declared));
                Ok(false)
            }
        }
    }

    /// The warning at the end, if any.
    fn ending(&self) -> Option<String> {
        let received = self.recording.received;
        match self.recording.data_len {
            Some(len) if received < len => {
                Some(format!("it is cut off: it has {received} of {len} bytes of samples, which are used"))
            }
            _ if !self.recording.block.is_empty() => {
                Some("it ends in the middle of a frame, which is left out".to_string())
            }
            _ => None,
        }
    }
}

impl<R: Read + Send> Decoder for WavDecoder<R> {
    fn next(&mut self, warnings: &mut Vec<String>) -> Result<Option<Frames<'_>>, AudioError> {
        warnings.extend(self.warning.take());
        while !self.recording.block.has_frame() {
            if self.receive()? == 0 && !self.goes_on(warnings)? {
                warnings.extend(self.ending());
                return Ok(None);
            }
        }
        self.interleaved.clear();
        let Recording { sample_rate, channels, block, .. } = &mut self.recording;
        block.decode(&mut self.interleaved)?;
        Ok(Some(Frames { sample_rate: *sample_rate, channels: *channels, interleaved: &self.interleaved }))
    }
}
