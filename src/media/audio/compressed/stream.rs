//! Containers in streams whose length is not known: where a recording ends, and whether it is whole there.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use symphonia::core::io::MediaSource;

use super::super::{unsupported, wav};
use super::matroska::{CLUSTER, LONGEST_HEADER, SEGMENT, header, is_matroska};
use super::mp4;
use super::opened::Joined;
use super::source::OneWay;

/// Number of bytes read at a time.
const CHUNK: usize = 1 << 15;

/// Number of bytes that identify a recording.
const MAGIC_LEN: usize = 12;

/// What a container consists of.
#[derive(Clone, Copy)]
enum Layout {
    /// Matroska's elements.
    Elements,
    /// MP4's boxes.
    Boxes,
    /// The chunks of WAV and AIFF.
    Chunks { big_endian: bool },
    /// Something that cannot be followed.
    Unknown,
}

/// What comes next in a container.
enum Step {
    /// A header and the content after it, in bytes.
    Element { header: usize, content: u64 },
    /// The header of a Matroska segment, whose elements follow, and its length, if known.
    Segment { header: usize, len: Option<u64> },
    /// A header that is not complete yet.
    Incomplete,
    /// Another recording.
    Next,
    /// Something that cannot be followed.
    Unknown,
}

impl Layout {
    fn of(magic: &[u8]) -> Self {
        if is_matroska(magic) {
            Self::Elements
        } else if mp4::is_mp4(magic) {
            Self::Boxes
        } else if magic.starts_with(b"FORM") {
            Self::Chunks { big_endian: true }
        } else if wav::is_wav(magic) {
            Self::Chunks { big_endian: wav::is_big_endian(magic) }
        } else {
            Self::Unknown
        }
    }

    /// `rest` follows at the end of an element; `is_first`: it begins the recording; `may_end`: another may follow.
    fn step(self, rest: &[u8], is_first: bool, may_end: bool) -> Step {
        match self {
            Self::Unknown => return Step::Unknown,
            Self::Elements => return element(rest, is_first),
            Self::Boxes | Self::Chunks { .. } => {}
        }
        let Some(magic) = rest.first_chunk::<MAGIC_LEN>() else { return Step::Incomplete };
        if !is_first && may_end && (wav::is_wav(magic) || unsupported::is_container(magic)) {
            return Step::Next;
        }
        let [a, b, c, d, e, f, g, h, ..] = *magic;
        let Self::Chunks { big_endian } = self else {
            let long = rest.get(8..16).and_then(|long| long.first_chunk());
            return match (u32::from_be_bytes([a, b, c, d]), long) {
                (1, None) => Step::Incomplete,
                (1, Some(long)) => match u64::from_be_bytes(*long).checked_sub(16) {
                    Some(content) => Step::Element { header: 16, content },
                    None => Step::Unknown,
                },
                (len, _) => match u64::from(len).checked_sub(8) {
                    Some(content) => Step::Element { header: 8, content },
                    None => Step::Unknown,
                },
            };
        };
        if is_first {
            return Step::Element { header: MAGIC_LEN, content: 0 };
        }
        if ![a, b, c, d].iter().all(|byte| (b' '..=b'~').contains(byte)) {
            return Step::Unknown;
        }
        let len = [e, f, g, h];
        let len = u64::from(if big_endian { u32::from_be_bytes(len) } else { u32::from_le_bytes(len) });
        Step::Element { header: 8, content: len + len % 2 }
    }
}

/// As [`Layout::step`], in Matroska.
fn element(rest: &[u8], is_first: bool) -> Step {
    if !is_first && is_matroska(rest) {
        return Step::Next;
    }
    match header(rest) {
        None if rest.len() < LONGEST_HEADER => Step::Incomplete,
        None => Step::Unknown,
        Some(element) if element.id == SEGMENT => Step::Segment { header: element.header_len, len: element.len },
        Some(element) => {
            let unknown = if element.id == CLUSTER { 0 } else { u64::MAX };
            Step::Element { header: element.header_len, content: element.len.unwrap_or(unknown) }
        }
    }
}

/// Splits a stream into its recordings: each ends where the next one's header begins.
#[derive(Clone)]
pub(super) struct RecordingStream(Arc<Mutex<Scanner>>);

struct Scanner {
    source: Box<dyn MediaSource>,
    layout: Layout,
    /// Whether the index of an MP4 recording has been read.
    has_index: bool,
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

impl RecordingStream {
    /// `magic` is the beginning of the stream.
    pub(super) fn new(source: Box<dyn MediaSource>, magic: &[u8]) -> Self {
        Self(Arc::new(Mutex::new(Scanner {
            source,
            layout: Layout::of(magic),
            has_index: false,
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

impl Joined for RecordingStream {
    fn is_whole(&self) -> bool {
        let scanner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_matroska = matches!(scanner.layout, Layout::Elements);
        let at_end = scanner.at_next || is_matroska && scanner.ended && scanner.skip == 0;
        at_end && scanner.clear == 0 && scanner.followed >= scanner.segment_end
    }

    fn next(&self) -> Option<Box<dyn MediaSource>> {
        let mut scanner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let more = scanner.at_next && scanner.clear == 0;
        scanner.layout = Layout::of(&scanner.buffer);
        (scanner.at_next, scanner.has_index, scanner.followed, scanner.segment_end) = (false, false, 0, 0);
        more.then(|| OneWay::boxed(self.clone()))
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
            let may_end = !matches!(self.layout, Layout::Boxes) || self.has_index;
            self.has_index |= rest.get(4..8) == Some(b"moov");
            match self.layout.step(rest, self.followed == 0, may_end) {
                Step::Element { header, content } => {
                    self.skip = (header as u64).saturating_add(content);
                }
                Step::Segment { header, len } => {
                    self.skip = header as u64;
                    self.segment_end = len.map_or(0, |len| (self.followed + self.skip).saturating_add(len));
                }
                Step::Incomplete => return,
                Step::Next => {
                    self.at_next = true;
                    return;
                }
                Step::Unknown => self.skip = u64::MAX,
            }
        }
    }

    fn advance(&mut self, len: usize) {
        self.clear += len;
        self.followed += len as u64;
    }
}

impl Read for RecordingStream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).read(bytes)
    }
}
