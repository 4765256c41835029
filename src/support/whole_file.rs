//! Files written atomically: complete or absent.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::output_error::OutputError;

/// Suffix of a file that is not complete yet.
pub(crate) const PARTIAL: &str = ".partial";

/// A file that is written as `FILE.partial` and renamed when it is complete. Until then an existing file stays as it
/// is; if dropped unfinished, nothing is left.
pub struct WholeFile {
    path: PathBuf,
    partial: PathBuf,
    writer: Option<BufWriter<File>>,
}

impl WholeFile {
    /// Starts the file.
    ///
    /// # Errors
    /// [`OutputError::Write`] if the folder does not exist or is not writable, or if `path` is not a regular file.
    pub fn create(path: &Path) -> Result<Self, OutputError> {
        let failed = |source| OutputError::Write { path: path.to_path_buf(), source };
        if path.exists() && !path.is_file() {
            return Err(failed(io::Error::other("not a regular file")));
        }
        let name = path.file_name().ok_or_else(|| failed(io::Error::other("not a file name")))?;
        let mut partial = name.to_os_string();
        partial.push(PARTIAL);
        let partial = path.with_file_name(partial);
        let writer = Some(BufWriter::new(File::create(&partial).map_err(failed)?));
        Ok(WholeFile { path: path.to_path_buf(), partial, writer })
    }

    /// Writes `bytes` as the file `path`.
    ///
    /// # Errors
    /// [`OutputError::Write`].
    pub fn write(path: &Path, bytes: &[u8]) -> Result<(), OutputError> {
        let mut file = WholeFile::create(path)?;
        let written = file.write_all(bytes);
        written.map_err(|source| file.failed(source))?;
        file.finish()
    }

    /// Flushes the file to disk and moves it to its final path.
    ///
    /// # Errors
    /// [`OutputError::Write`].
    pub fn finish(mut self) -> Result<(), OutputError> {
        self.put_in_place()
    }

    /// [`WholeFile::finish`] for an owner that is dropped itself; no more bytes can be written.
    pub(crate) fn put_in_place(&mut self) -> Result<(), OutputError> {
        let outcome = match self.writer.as_mut() {
            Some(writer) => writer.flush().and_then(|()| writer.get_ref().sync_all()),
            None => Ok(()),
        };
        outcome.and_then(|()| fs::rename(&self.partial, &self.path)).map_err(|source| self.failed(source))?;
        self.writer = None;
        Ok(())
    }

    /// Path of the file until it is complete.
    pub(crate) fn partial(&self) -> &Path {
        &self.partial
    }

    /// Error for this file caused by `source`.
    pub fn failed(&self, source: io::Error) -> OutputError {
        OutputError::Write { path: self.path.clone(), source }
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.as_mut().map_or(Ok(0), |writer| writer.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if let Some(writer) = self.writer.take() {
            // Not flushed: buffered bytes are discarded with the file.
            drop(writer.into_parts());
            let _ = fs::remove_file(&self.partial);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_whole_or_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chart.svg");
        WholeFile::write(&path, b"old").unwrap();
        let mut file = WholeFile::create(&path).unwrap();
        file.write_all(b"new, and not finished").unwrap();
        drop(file);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing half-written is left");
        assert!(WholeFile::create(&folder.path().join("none/chart.svg")).is_err());
        assert!(WholeFile::create(folder.path()).is_err());
    }
}
