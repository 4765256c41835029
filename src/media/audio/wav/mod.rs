//! WAV files and streams with integer or floating-point samples.
//!
//! Recorders write incorrect headers: sizes of 0 or 0xFFFFFFFF from programs that could not seek back, sizes beyond the
//! end of a truncated file, odd chunks without their padding byte. So [`Header`] finds the samples the way ffmpeg does,
//! and `hound` reads them in a [`Block`].

mod block;
mod encoding;
mod header;

use std::io::{ErrorKind, Read};

use block::Block;
pub(super) use header::{Header, format_name};

use super::AudioError;
use super::decoder::Decoder;
use super::interleaved::Frames;
use super::mono::check_sample_rate;

/// Bytes read at a time, in whole frames.
const BLOCK_LEN: usize = 1 << 15;

/// Whether a file that begins with `magic` is a WAV file (RF64 is its form for more than 4 GiB).
pub(super) fn is_wav(magic: &[u8]) -> bool {
    matches!(magic.get(..4), Some(b"RIFF" | b"RF64")) && magic.get(8..12) == Some(b"WAVE")
}

/// Decodes the samples of a WAV file or stream, as they come.
pub(super) struct WavDecoder<R> {
    reader: R,
    sample_rate: u32,
    channels: usize,
    /// Bytes of samples that the header promised.
    data_len: Option<u64>,
    received: u64,
    /// What is odd about the header.
    warning: Option<String>,
    block: Block,
    interleaved: Vec<f32>,
}

impl<R: Read + Send> WavDecoder<R> {
    /// `reader` stands at the first sample; `block_seconds` bounds what is waited for and given at a time.
    pub(super) fn new(reader: R, header: Header, block_seconds: f64) -> Result<Self, AudioError> {
        check_sample_rate(header.sample_rate)?;
        let Some(encoding) = header.encoding() else {
            return Err(AudioError::UnsupportedCodec {
                codec: format!("{} in a wav stream", format_name(header.format_tag)),
            });
        };
        let frame_len = usize::from(header.frame_len());
        let block_frames = (f64::from(header.sample_rate) * block_seconds) as usize;
        Ok(Self {
            reader,
            sample_rate: header.sample_rate,
            channels: usize::from(header.channels),
            data_len: header.data_len,
            received: 0,
            warning: header.warning,
            block: Block::new(encoding, frame_len, block_frames.min(BLOCK_LEN / frame_len).max(1))?,
            interleaved: Vec::new(),
        })
    }

    /// Reads what is there now, waiting only where that is nothing; 0 bytes at the end.
    fn receive(&mut self) -> Result<usize, AudioError> {
        let left = self.data_len.map_or(u64::MAX, |len| len - self.received);
        let room = self.block.room();
        let len = room.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        loop {
            match self.reader.read(&mut room[..len]) {
                Ok(read) => {
                    self.block.fill(read);
                    self.received += read as u64;
                    return Ok(read);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// What there is to say when nothing more comes.
    fn ending(&self) -> Option<String> {
        let received = self.received;
        match self.data_len {
            Some(len) if received < len => {
                Some(format!("it is cut off: {received} of {len} bytes of samples are there and are used"))
            }
            _ if !self.block.is_empty() => Some("it ends in the middle of a frame, which is left out".to_string()),
            _ => None,
        }
    }
}

impl<R: Read + Send> Decoder for WavDecoder<R> {
    fn next(&mut self, warnings: &mut Vec<String>) -> Result<Option<Frames<'_>>, AudioError> {
        warnings.extend(self.warning.take());
        while !self.block.has_frame() {
            if self.receive()? == 0 {
                warnings.extend(self.ending());
                return Ok(None);
            }
        }
        self.interleaved.clear();
        self.block.decode(&mut self.interleaved)?;
        Ok(Some(Frames { sample_rate: self.sample_rate, channels: self.channels, interleaved: &self.interleaved }))
    }
}
