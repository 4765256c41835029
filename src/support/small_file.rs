//! Reads files that should be small (device files, `model.yaml`, tokenizers, lists, vectors) without trusting that they
//! are.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Why a small file cannot be read. Each text is one line and leaves out the path, which the caller has.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SmallFileError {
    /// The operating system could not open or read it.
    #[error("cannot read: {0}")]
    Io(#[from] io::Error),

    /// The path is a directory.
    #[error("cannot read: it is a directory, not a file")]
    Directory,

    /// The path is a pipe, a socket or a device, which may block or never end.
    #[error("cannot read: it is not a regular file; copy its content to a file and name that")]
    NotRegular,

    /// The file is larger than any file of its kind.
    #[error("larger than {}, the limit for such a file", size(*limit))]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },

    /// The text is not UTF-8.
    #[error("not UTF-8 text (line {line}, byte {byte} of the line); save it as UTF-8")]
    NotUtf8 {
        /// Line of the first bad byte, from 1.
        line: usize,
        /// Its position in the line, in bytes from 1.
        byte: usize,
    },
}

/// Reads a regular file of at most `limit` bytes.
///
/// # Errors
/// [`SmallFileError`]. A directory, pipe or device is not read at all, and at most one byte more than `limit` is
/// held in memory.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, SmallFileError> {
    // Checked before opening: opening a pipe blocks until it has a writer, and opening a device can have side effects.
    let metadata = path.metadata()?;
    if metadata.is_dir() {
        return Err(SmallFileError::Directory);
    }
    if !metadata.is_file() {
        return Err(SmallFileError::NotRegular);
    }
    // The length may be wrong (/proc) and may change, so the reader is bounded as well.
    if metadata.len() > limit {
        return Err(SmallFileError::TooLarge { limit });
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(SmallFileError::TooLarge { limit });
    }
    Ok(bytes)
}

/// Reads a regular UTF-8 file of at most `limit` bytes, without the byte order mark that some editors write.
///
/// # Errors
/// As for [`read`], and [`SmallFileError::NotUtf8`].
pub fn read_text(path: &Path, limit: u64) -> Result<String, SmallFileError> {
    text(read(path, limit)?)
}

/// The text of `bytes`, without a byte order mark.
///
/// # Errors
/// [`SmallFileError::NotUtf8`].
pub fn text(bytes: Vec<u8>) -> Result<String, SmallFileError> {
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
        let start = good.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        SmallFileError::NotUtf8 { line, byte: good.len() - start + 1 }
    })?;
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}

fn size(bytes: u64) -> String {
    if bytes >= 1 << 20 { format!("{} MiB", bytes >> 20) } else { format!("{} KiB", bytes >> 10) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_bytes(bytes: &[u8], limit: u64) -> Result<String, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        read_text(file.path(), limit).map_err(|error| error.to_string())
    }

    #[test]
    fn a_byte_order_mark_is_stripped_once() {
        assert_eq!(read_bytes(b"\xef\xbb\xbfdevice: x", 99).unwrap(), "device: x");
        assert_eq!(read_bytes(b"\xef\xbb\xbf\xef\xbb\xbfx", 99).unwrap(), "\u{feff}x");
        assert_eq!(read_bytes(b"", 99).unwrap(), "");
    }

    #[test]
    fn the_limit_counts_bytes_and_holds_if_the_length_is_wrong() {
        assert_eq!(read_bytes(b"1234", 4).unwrap(), "1234");
        assert_eq!(read_bytes(&[b'a'; 2049], 2048).unwrap_err(), "larger than 2 KiB, the limit for such a file");
        // Files in /proc have the length 0.
        assert!(matches!(read(Path::new("/proc/self/maps"), 16), Err(SmallFileError::TooLarge { limit: 16 })));
    }

    #[test]
    fn a_bad_byte_is_located() {
        let error = read_bytes(b"a\nb\xc3\xa4\xff", 99).unwrap_err();
        assert_eq!(error, "not UTF-8 text (line 2, byte 4 of the line); save it as UTF-8");
    }

    #[test]
    fn only_regular_files_are_opened() {
        assert!(matches!(read(Path::new("/dev/zero"), 16), Err(SmallFileError::NotRegular)));
        assert!(matches!(read(Path::new("/"), 16), Err(SmallFileError::Directory)));
        assert!(matches!(read(Path::new("/nowhere"), 16), Err(SmallFileError::Io(_))));
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert!(matches!(read(&socket, 16), Err(SmallFileError::NotRegular)));
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(matches!(read(&pipe, 16), Err(SmallFileError::NotRegular)));
    }
}
