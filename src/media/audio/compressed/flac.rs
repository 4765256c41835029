//! Concatenated FLAC streams, and headers that FLAC's own decoder accepts but `symphonia` does not.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use symphonia::core::io::MediaSource;

use super::opened::Joined;
use super::source::OneWay;

/// The beginning of a FLAC stream: the marker, then the header of a stream info block of 34 bytes. The top bit of the
/// block's type says whether other blocks follow.
const MARKER: [&[u8]; 2] = [b"fLaC\x00\x00\x00\x22", b"fLaC\x80\x00\x00\x22"];

/// Length of a marker and the minimum and maximum block sizes after it, in bytes.
const HEADER_LEN: usize = 12;

/// The smallest block that the format allows.
const SMALLEST_BLOCK: u16 = 16;

/// Number of bytes read at a time.
const CHUNK: usize = 1 << 15;

/// Splits a file into its FLAC streams: each is read as a separate file, and the next begins at its end. Bytes of
/// another format pass unchanged.
#[derive(Clone)]
pub(super) struct FlacStreams(Arc<Mutex<Scanner>>);

struct Scanner {
    source: Box<dyn MediaSource>,
    /// Bytes read ahead.
    buffer: Vec<u8>,
    /// Number of bytes of `buffer` that can be returned, because no later stream begins in them.
    clear: usize,
    /// Whether a stream begins at the end of the clear bytes.
    at_marker: bool,
    /// Whether a first stream has begun.
    begun: bool,
    ended: bool,
}

impl FlacStreams {
    pub(super) fn new(source: Box<dyn MediaSource>) -> Self {
        Self(Arc::new(Mutex::new(Scanner {
            source,
            buffer: Vec::new(),
            clear: 0,
            at_marker: false,
            begun: false,
            ended: false,
        })))
    }
}

impl Joined for FlacStreams {
    fn is_whole(&self) -> bool {
        false
    }

    fn next(&self) -> Option<Box<dyn MediaSource>> {
        let mut scanner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let more = scanner.at_marker && scanner.clear == 0;
        scanner.at_marker = false;
        more.then(|| OneWay::boxed(self.clone()))
    }
}

impl Scanner {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        while self.clear == 0 && !self.at_marker && !self.ended {
            self.fill()?;
        }
        let len = self.clear.min(bytes.len());
        bytes[..len].copy_from_slice(&self.buffer[..len]);
        self.buffer.drain(..len);
        self.clear -= len;
        Ok(len)
    }

    /// Reads more bytes, and determines how many belong to the current stream.
    fn fill(&mut self) -> io::Result<()> {
        let before = self.buffer.len();
        // The start of a stream that was found before: its marker is not that of the next stream.
        let mut from = usize::from(self.begun && before >= HEADER_LEN && is_marker(&self.buffer));
        if from == 0 || before <= HEADER_LEN {
            self.buffer.resize(before + CHUNK, 0);
            let read = self.source.read(&mut self.buffer[before..])?;
            self.buffer.truncate(before + read);
            self.ended = read == 0;
        }
        loop {
            let found =
                (from..self.buffer.len().saturating_sub(HEADER_LEN - 1)).find(|&at| is_marker(&self.buffer[at..]));
            let Some(at) = found else {
                // The end may be the beginning of a marker.
                let kept = if self.ended { 0 } else { HEADER_LEN - 1 };
                self.clear = self.buffer.len().saturating_sub(kept);
                return Ok(());
            };
            allow_small_blocks(&mut self.buffer[at..at + HEADER_LEN]);
            if self.begun {
                (self.clear, self.at_marker) = (at, true);
                return Ok(());
            }
            self.begun = true;
            from = at + 1;
        }
    }
}

fn is_marker(bytes: &[u8]) -> bool {
    MARKER.iter().any(|marker| bytes.starts_with(marker))
}

/// A minimum block size below the format's limit, which `flac -t` tolerates. Writers that leave it out use blocks of
/// one size.
fn allow_small_blocks(header: &mut [u8]) {
    if u16::from_be_bytes([header[8], header[9]]) < SMALLEST_BLOCK {
        header.copy_within(10..12, 8);
    }
}

impl Read for FlacStreams {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).read(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn stream(fill: u8, len: usize) -> Vec<u8> {
        let mut bytes = b"fLaC\x80\x00\x00\x22\x10\x00\x10\x00".to_vec();
        bytes.resize(len, fill);
        bytes
    }

    fn read_all(streams: &FlacStreams, step: usize) -> Vec<u8> {
        let (mut all, mut block) = (Vec::new(), vec![0; step]);
        loop {
            match streams.clone().read(&mut block).unwrap() {
                0 => return all,
                read => all.extend_from_slice(&block[..read]),
            }
        }
    }

    #[test]
    fn streams_come_one_by_one_and_other_bytes_unchanged() {
        for lens in [[12, 13, 40_000], [32_768, 32_760, 12], [100_000, 20, 70_001]] {
            for step in [1, 7, 100_000] {
                let parts: Vec<_> = lens.iter().zip(1..).map(|(&len, fill)| stream(fill, len)).collect();
                let tag = b"ID3 something in front".to_vec();
                let streams = FlacStreams::new(Box::new(Cursor::new([tag.clone(), parts.concat()].concat())));
                assert_eq!(read_all(&streams, step), [tag, parts[0].clone()].concat(), "{lens:?}");
                for part in &parts[1..] {
                    assert!(streams.next().is_some());
                    assert_eq!(&read_all(&streams, step), part, "{lens:?}");
                }
                assert!(streams.next().is_none());
            }
        }
        let other: Vec<u8> = (0..200_000u32).map(|n| (n * 7) as u8).collect();
        let streams = FlacStreams::new(Box::new(Cursor::new(other.clone())));
        assert_eq!(read_all(&streams, 1000), other);
        assert!(streams.next().is_none());
    }

    #[test]
    fn a_smallest_block_of_0_is_made_one_that_the_decoder_accepts() {
        let streams = FlacStreams::new(Box::new(Cursor::new(b"fLaC\x00\x00\x00\x22\x00\x00\x10\x00".to_vec())));
        assert_eq!(read_all(&streams, 100)[8..], *b"\x10\x00\x10\x00");
    }
}
