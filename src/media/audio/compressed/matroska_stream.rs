//! Matroska and WebM streams whose length is not known: where a recording ends, and whether it is whole there.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use symphonia::core::io::MediaSource;

use super::Joined;
use super::matroska::{CLUSTER, LONGEST_HEADER, SEGMENT, header, is_matroska};

/// Number of bytes read at a time.
const CHUNK: usize = 1 << 15;

/// Splits a stream into its recordings: each ends where the next one's header begins.
#[derive(Clone)]
pub(super) struct MatroskaStream(Arc<Mutex<Scanner>>);

struct Scanner {
    source: Box<dyn MediaSource>,
    /// Bytes read ahead.
    buffer: Vec<u8>,
    /// Number of bytes of `buffer` that can be returned.
    clear: usize,
    /// Number of bytes of the current element after the clear ones.
    skip: u64,
    /// Number of bytes of the current recording that have been followed, and where its segment ends, if known.
    followed: u64,
    segment_end: u64,
    /// Whether another recording begins at the end of the clear bytes.
    at_next: bool,
    ended: bool,
}

impl MatroskaStream {
    pub(super) fn new(source: Box<dyn MediaSource>) -> Self {
        Self(Arc::new(Mutex::new(Scanner {
            source,
            buffer: Vec::new(),
            clear: 0,
            skip: 0,
            followed: 0,
            segment_end: 0,
            at_next: false,
            ended: false,
        })))
    }
}

impl Joined for MatroskaStream {
    fn is_whole(&self) -> bool {
        let scanner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at_end = scanner.at_next || scanner.ended && scanner.skip == 0;
        at_end && scanner.clear == 0 && scanner.followed >= scanner.segment_end
    }

    fn next(&self) -> Option<Box<dyn MediaSource>> {
        let mut scanner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let more = scanner.at_next && scanner.clear == 0;
        (scanner.at_next, scanner.followed, scanner.segment_end) = (false, 0, 0);
        more.then(|| Box::new(self.clone()) as Box<dyn MediaSource>)
    }
}

impl Scanner {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        while self.clear == 0 && !self.at_next && !self.ended {
            self.follow();
            if self.clear == 0 && !self.at_next {
                self.fill()?;
            }
        }
        let len = self.clear.min(bytes.len());
        bytes[..len].copy_from_slice(&self.buffer[..len]);
        self.buffer.drain(..len);
        self.clear -= len;
        Ok(len)
    }

    /// Reads more bytes.
    fn fill(&mut self) -> io::Result<()> {
        let before = self.buffer.len();
        self.buffer.resize(before + CHUNK, 0);
        let read = self.source.read(&mut self.buffer[before..]);
        self.buffer.truncate(before + *read.as_ref().unwrap_or(&0));
        if read? == 0 {
            self.ended = true;
            if self.clear < self.buffer.len() {
                // The beginning of a header.
                (self.clear, self.skip) = (self.buffer.len(), 1);
            }
        }
        Ok(())
    }

    /// Determines how many bytes of the buffer belong to the current recording.
    fn follow(&mut self) {
        loop {
            let content = self.skip.min((self.buffer.len() - self.clear) as u64);
            self.advance(content as usize);
            self.skip -= content;
            let rest = &self.buffer[self.clear..];
            if self.skip > 0 || rest.is_empty() {
                return;
            }
            if self.followed > 0 && is_matroska(rest) {
                self.at_next = true;
                return;
            }
            let Some(element) = header(rest) else {
                if rest.len() >= LONGEST_HEADER {
                    // Not an element: what follows cannot be followed.
                    self.skip = u64::MAX;
                    continue;
                }
                return;
            };
            self.advance(element.header_len);
            match element {
                // Its elements are followed one by one.
                element if element.id == SEGMENT => {
                    self.segment_end = element.len.map_or(0, |len| self.followed.saturating_add(len));
                }
                element => {
                    let unknown = if element.id == CLUSTER { 0 } else { u64::MAX };
                    self.skip = element.len.unwrap_or(unknown);
                }
            }
        }
    }

    fn advance(&mut self, len: usize) {
        self.clear += len;
        self.followed += len as u64;
    }
}

impl Read for MatroskaStream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).read(bytes)
    }
}

impl Seek for MatroskaStream {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Err(ErrorKind::Unsupported.into())
    }
}

impl MediaSource for MatroskaStream {
    fn is_seekable(&self) -> bool {
        false
    }

    fn byte_len(&self) -> Option<u64> {
        None
    }
}
