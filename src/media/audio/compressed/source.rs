//! The bytes of a recording, as `symphonia` reads them.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

use symphonia::core::io::MediaSource;

/// Where the bytes of a recording come from.
pub(in super::super) enum Input {
    /// A file that several readers may share, each with its own position.
    File(Span),
    /// A stream, read once; `None` once it has been taken.
    Stream(Option<Box<dyn Read + Send>>),
}

impl Input {
    /// The bytes from the start. `len` is the assumed length of the file, which may be more than the actual one. `None`
    /// for a stream that was taken before.
    pub(super) fn open(&mut self, len: Option<u64>) -> Option<Box<dyn MediaSource>> {
        match self {
            Input::File(span) => {
                let mut bytes = span.bytes();
                (bytes.known, bytes.len) = (len.is_none(), len.unwrap_or(bytes.len));
                Some(Box::new(bytes))
            }
            Input::Stream(stream) => stream.take().map(|stream| OneWay::boxed(StreamBytes(Mutex::new(stream)))),
        }
    }

    /// Whether the recording can be read again.
    pub(super) fn is_file(&self) -> bool {
        matches!(self, Input::File(_))
    }
}

/// A part of a file that is read as a file of its own.
#[derive(Clone, Debug)]
pub(in super::super) struct Span {
    file: Arc<File>,
    start: u64,
    end: u64,
    /// Bytes that are read instead of those in the file, by position in the file.
    patches: Arc<[(u64, Vec<u8>)]>,
}

impl Span {
    /// The bytes from `start` to `end`, some of which are replaced.
    pub(in super::super) fn new(file: Arc<File>, start: u64, end: u64, patches: Vec<(u64, Vec<u8>)>) -> Self {
        Self { file, start, end, patches: patches.into() }
    }

    /// Number of bytes.
    pub(in super::super) fn len(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// The bytes from the start.
    pub(in super::super) fn bytes(&self) -> FileBytes {
        FileBytes { span: self.clone(), position: 0, len: self.len(), known: true }
    }
}

/// A shared file with its own position.
pub(in super::super) struct FileBytes {
    span: Span,
    position: u64,
    len: u64,
    /// Whether the file has this length, so that its end can be read.
    known: bool,
}

impl Read for FileBytes {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let left = self.span.len().saturating_sub(self.position);
        let len = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let at = self.span.start.saturating_add(self.position);
        let read = self.span.file.read_at(&mut bytes[..len], at)?;
        for (start, patch) in &*self.span.patches {
            let replaced = (*start..).zip(patch).filter_map(|(place, byte)| Some((place.checked_sub(at)?, byte)));
            for (place, byte) in replaced.filter(|(place, _)| *place < read as u64) {
                bytes[place as usize] = *byte;
            }
        }
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for FileBytes {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(distance) => self.len.checked_add_signed(distance),
            SeekFrom::Current(distance) => self.position.checked_add_signed(distance),
        };
        self.position = position.ok_or(ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

impl MediaSource for FileBytes {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        self.known.then_some(self.len)
    }
}

/// A stream. The mutex is never contended: it only makes the stream `Sync`, as `symphonia` requires.
struct StreamBytes(Mutex<Box<dyn Read + Send>>);

impl Read for StreamBytes {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let stream = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        loop {
            match stream.read(bytes) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

/// Bytes that are read once, from the first to the last.
pub(super) struct OneWay<R>(R);

impl<R: Read + Send + Sync + 'static> OneWay<R> {
    /// A source of symphonia's readers.
    pub(super) fn boxed(bytes: R) -> Box<dyn MediaSource> {
        Box::new(OneWay(bytes))
    }
}

impl<R: Read> Read for OneWay<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.read(bytes)
    }
}

impl<R> Seek for OneWay<R> {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Err(ErrorKind::Unsupported.into())
    }
}

impl<R: Read + Send + Sync> MediaSource for OneWay<R> {
    fn is_seekable(&self) -> bool {
        false
    }

    fn byte_len(&self) -> Option<u64> {
        None
    }
}
