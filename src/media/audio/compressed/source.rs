//! The bytes of a recording, as `symphonia` reads them.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

use symphonia::core::io::MediaSource;

/// Where the bytes of a recording come from.
pub(in super::super) enum Input {
    /// A file that several readers may share, each with its own position.
    File(Arc<File>),
    /// A stream, read once; `None` once it has been taken.
    Stream(Option<Box<dyn Read + Send>>),
}

impl Input {
    /// The bytes from the start. `len` is the assumed length of the file, which may be more than the actual one. `None`
    /// for a stream that was taken before.
    pub(super) fn open(&mut self, len: Option<u64>) -> io::Result<Option<Box<dyn MediaSource>>> {
        match self {
            Input::File(file) => {
                let found = file.metadata()?.len();
                let (known, len) = (len.is_none(), len.unwrap_or(found));
                Ok(Some(Box::new(FileBytes { file: file.clone(), position: 0, len, known })))
            }
            Input::Stream(stream) => {
                Ok(stream.take().map(|stream| Box::new(StreamBytes(Mutex::new(stream))) as Box<dyn MediaSource>))
            }
        }
    }

    /// Whether the recording can be read again.
    pub(super) fn is_file(&self) -> bool {
        matches!(self, Input::File(_))
    }
}

/// A shared file with its own position.
pub(in super::super) struct FileBytes {
    file: Arc<File>,
    position: u64,
    len: u64,
    /// Whether the file has this length, so that its end can be read.
    known: bool,
}

impl FileBytes {
    /// Reads `file` from its start.
    pub(in super::super) fn new(file: Arc<File>, len: u64) -> Self {
        Self { file, position: 0, len, known: true }
    }
}

impl Read for FileBytes {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(bytes, self.position)?;
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

impl Seek for StreamBytes {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Err(ErrorKind::Unsupported.into())
    }
}

impl MediaSource for StreamBytes {
    fn is_seekable(&self) -> bool {
        false
    }

    fn byte_len(&self) -> Option<u64> {
        None
    }
}
