//! Data after the samples that a WAV header declares: other chunks, another recording, or samples that the header does
//! not count.

use std::io::{self, Read};

use super::super::AudioError;
use super::header::Header;
use super::is_wav;

/// A reader into which bytes can be put back.
pub(super) struct Ahead<R> {
    returned: Vec<u8>,
    reader: R,
}

/// What follows the samples.
pub(super) enum Following {
    /// The end of the file, or something other than sound.
    Nothing,
    /// A second `data` chunk: its length in bytes, and that of the rest of the file from its content on, if known.
    Data { size: u64, available: Option<u64> },
    /// Another, concatenated WAV file.
    Recording(Header),
    /// Bytes that are not a chunk: more samples than the header declares.
    Undeclared,
}

impl<R: Read> Ahead<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { returned: Vec::new(), reader }
    }

    fn take_back(&mut self, bytes: &[u8]) {
        self.returned.splice(..0, bytes.iter().copied());
    }

    /// Examines the data after the samples. The chunk of samples has `tail` more bytes, which are not a whole frame;
    /// the file has `left` more bytes, if known. Fewer than `shortest` bytes that are not a chunk are ignored: tags and
    /// padding. The sizes of chunks are as in the recording before.
    ///
    /// # Errors
    /// [`AudioError`] if the file cannot be read, or another recording with an invalid header begins.
    pub(super) fn following(
        &mut self,
        mut tail: usize,
        mut left: Option<u64>,
        shortest: u64,
        big_endian: bool,
    ) -> Result<Following, AudioError> {
        let mut is_behind_samples = true;
        let size = |size| u64::from(if big_endian { u32::from_be_bytes(size) } else { u32::from_le_bytes(size) });
        loop {
            let mut bytes = Vec::new();
            self.take(tail as u64 + 12).read_to_end(&mut bytes)?;
            let after = |len: u64| left.map(|left| left.saturating_sub(len));
            let chunk = bytes.get(tail..).unwrap_or_default();
            let content = after(tail as u64 + 8);
            match (chunk, chunk.first_chunk::<8>()) {
                _ if is_wav(chunk) => {
                    self.take_back(chunk);
                    return Ok(Following::Recording(Header::read(self, after(tail as u64))?));
                }
                ([b'd', b'a', b't', b'a', ..], Some(&[.., a, b, c, d])) => {
                    self.take_back(&chunk[8..]);
                    let size = size([a, b, c, d]);
                    return Ok(Following::Data { size, available: content });
                }
                (_, Some(&[i, j, k, l, a, b, c, d])) => {
                    let size = size([a, b, c, d]);
                    let is_named = [i, j, k, l].iter().all(|byte| (b' '..=b'~').contains(byte));
                    if is_named && content.is_none_or(|content| size <= content) {
                        self.take_back(&chunk[8..]);
                        let size = size + size % 2;
                        io::copy(&mut self.take(size), &mut io::sink())?;
                        left = content.map(|content| content.saturating_sub(size));
                        (tail, is_behind_samples) = (0, false);
                        continue;
                    }
                }
                _ => {}
            }
            let missing = shortest.saturating_sub(bytes.len() as u64);
            self.take(missing).read_to_end(&mut bytes)?;
            if is_behind_samples && !bytes.is_empty() && bytes.len() as u64 >= shortest {
                self.take_back(&bytes);
                return Ok(Following::Undeclared);
            }
            return Ok(Following::Nothing);
        }
    }
}

impl<R: Read> Read for Ahead<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.returned.is_empty() {
            return self.reader.read(bytes);
        }
        let len = bytes.len().min(self.returned.len());
        bytes[..len].copy_from_slice(&self.returned[..len]);
        self.returned.drain(..len);
        Ok(len)
    }
}
