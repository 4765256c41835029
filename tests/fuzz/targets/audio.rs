//! Sound in files and streams of every format.

use std::io::{self, Read};

use edgefuse::config::Ffmpeg;
use edgefuse::media::audio::{AudioFile, AudioReader, Channel, LiveReader, Samples};

use super::{accepted, scratch};

const RATE: u32 = 16_000;

/// Maximum number of samples read: 2 minutes.
const ENOUGH: usize = 120 * RATE as usize;

/// Maximum length of a block. The longest are those of a resampler for rates without a common divisor.
const LONGEST_BLOCK: usize = 1 << 22;

pub(super) fn file(bytes: &[u8]) -> bool {
    scratch::with_file("sound", bytes, |path| {
        // Only the built-in decoders.
        let file = AudioFile::new(path).with_ffmpeg(Ffmpeg::Never);
        hear(AudioReader::of(&file, RATE, Channel::Mix))
    })
}

/// The first byte determines the pieces that the stream is divided into.
pub(super) fn stream(bytes: &[u8]) -> bool {
    let Some((&piece, stream)) = bytes.split_first() else { return false };
    let stream = Pieces { bytes: stream.to_vec(), at: 0, piece: usize::from(piece).max(1) };
    hear(LiveReader::new(stream, RATE))
}

fn hear<S: Samples>(opened: Result<S, impl std::fmt::Display>) -> bool {
    let Some(mut reader) = accepted(opened) else { return false };
    let (mut block, mut heard) = (Vec::new(), 0);
    loop {
        block.clear();
        match accepted(reader.read(&mut block)) {
            None => return false,
            Some(true) => assert!(!block.is_empty(), "a block without samples"),
            Some(false) => break,
        }
        assert!(block.len() < LONGEST_BLOCK, "a block of {} samples", block.len());
        assert!(block.iter().all(|sample| sample.abs() <= 1.0), "a sample beyond full scale");
        heard += block.len();
        if heard > ENOUGH {
            return true;
        }
    }
    assert!(block.is_empty(), "samples at the end");
    for warning in reader.warnings() {
        assert!(!warning.contains(['\n', '\r']), "not one line: {warning:?}");
    }
    heard > 0
}

/// A stream that returns this many bytes at a time.
struct Pieces {
    bytes: Vec<u8>,
    at: usize,
    piece: usize,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = &self.bytes[self.at..];
        let len = rest.len().min(buffer.len()).min(self.piece);
        buffer[..len].copy_from_slice(&rest[..len]);
        self.at += len;
        Ok(len)
    }
}
