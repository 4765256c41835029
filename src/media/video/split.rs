//! A stream of JPEG or PNG files to its files.

use std::io::{self, Read};

use thiserror::Error;

/// Maximum size of one file of a stream, in bytes.
pub const MAX_FILE: usize = 32 << 20;

/// Bytes between two files that are skipped, such as the headers of a multipart stream. A stream with more is no stream
/// of pictures.
const MAX_BETWEEN: usize = 64 << 10;

/// Bytes read at a time.
const BLOCK: usize = 64 << 10;

const PNG: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// Why a stream is no stream of pictures.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SplitError {
    /// The stream cannot be read.
    #[error("cannot read: {0}")]
    Io(#[from] io::Error),
    /// It holds something else.
    #[error("the stream contains no JPEG or PNG pictures")]
    NoPictures,
    /// A picture that has no end, or is damaged.
    #[error("a picture of the stream has more than 32 MiB, or is damaged")]
    TooLarge,
}

/// Divides a stream into the JPEG and PNG files that it consists of. Bytes between them are skipped, so multipart
/// streams are read as well. Memory is bounded by [`MAX_FILE`].
pub struct PictureFiles<R> {
    stream: R,
    buffer: Vec<u8>,
}

impl<R: Read> PictureFiles<R> {
    /// A stream at its start, or anywhere else.
    pub fn new(stream: R) -> Self {
        PictureFiles { stream, buffer: Vec::new() }
    }

    /// The stream.
    pub fn stream_mut(&mut self) -> &mut R {
        &mut self.stream
    }

    /// Waits for the next file; `None` at the end of the stream. A file that the end cuts off is left out.
    ///
    /// # Errors
    /// [`SplitError`].
    pub fn next_file(&mut self) -> Result<Option<Vec<u8>>, SplitError> {
        let mut skipped = 0;
        loop {
            match start(&self.buffer) {
                Some(at) => {
                    self.buffer.drain(..at);
                    break;
                }
                None => {
                    // The last bytes may be the first of a signature.
                    let kept = self.buffer.len().min(PNG.len() - 1);
                    skipped += self.buffer.len() - kept;
                    self.buffer.drain(..self.buffer.len() - kept);
                    if skipped > MAX_BETWEEN {
                        return Err(SplitError::NoPictures);
                    }
                    if !self.fill()? {
                        return Ok(None);
                    }
                }
            }
        }
        let mut walk: Box<dyn Walk> = match self.buffer[0] {
            0xff => Box::new(Jpeg::default()),
            _ => Box::new(Png { at: PNG.len() }),
        };
        loop {
            if let Some(end) = walk.end(&self.buffer)? {
                let rest = self.buffer.split_off(end);
                return Ok(Some(std::mem::replace(&mut self.buffer, rest)));
            }
            if self.buffer.len() > MAX_FILE {
                return Err(SplitError::TooLarge);
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// Reads more; `false` at the end of the stream.
    fn fill(&mut self) -> io::Result<bool> {
        let before = self.buffer.len();
        self.buffer.resize(before + BLOCK, 0);
        loop {
            match self.stream.read(&mut self.buffer[before..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => {
                    self.buffer.truncate(before + *outcome.as_ref().unwrap_or(&0));
                    return outcome.map(|read| read > 0);
                }
            }
        }
    }
}

/// Where the next file starts: a JPEG's first marker and the first byte of its second, or a PNG's signature.
fn start(bytes: &[u8]) -> Option<usize> {
    let at = |at: usize| bytes[at..].starts_with(b"\xff\xd8\xff") || bytes[at..].starts_with(&PNG);
    (0..bytes.len()).find(|&place| (bytes[place] == 0xff || bytes[place] == PNG[0]) && at(place))
}

/// Follows the structure of a file while it arrives: a thumbnail inside of it has an end of its own.
trait Walk {
    /// The length of the file, once `bytes`, which start with it, contain its end.
    fn end(&mut self, bytes: &[u8]) -> Result<Option<usize>, SplitError>;
}

/// The structure of a JPEG file: segments with lengths, and after each start of scan, coded data up to the next marker.
struct Jpeg {
    at: usize,
    in_scan: bool,
}

impl Default for Jpeg {
    fn default() -> Self {
        Jpeg { at: 2, in_scan: false }
    }
}

impl Walk for Jpeg {
    fn end(&mut self, bytes: &[u8]) -> Result<Option<usize>, SplitError> {
        loop {
            let Some(rest) = bytes.get(self.at..).filter(|rest| rest.len() >= 2) else { return Ok(None) };
            // Stuffed bytes and restart markers belong to the coded data.
            if self.in_scan && (rest[0] != 0xff || matches!(rest[1], 0 | 0xd0..=0xd7 | 0xff)) {
                let next = rest[1..].iter().position(|byte| *byte == 0xff);
                self.at += next.map_or(rest.len() - 1, |next| next + 1);
                if next.is_none() && rest.last() != Some(&0xff) {
                    self.at += 1;
                }
                continue;
            }
            match (rest[0], rest[1]) {
                (0xff, 0xff) => self.at += 1,
                (0xff, 0xd9) => return Ok(Some(self.at + 2)),
                (0xff, 0x01 | 0xd0..=0xd8) => self.at += 2,
                (0xff, marker) => {
                    let Some(length) = rest.get(2..4) else { return Ok(None) };
                    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
                    if length < 2 {
                        return Err(SplitError::TooLarge);
                    }
                    self.at += 2 + length;
                    self.in_scan = marker == 0xda;
                }
                _ => return Err(SplitError::TooLarge),
            }
        }
    }
}

/// The structure of a PNG file: chunks with lengths, up to `IEND`.
struct Png {
    at: usize,
}

impl Walk for Png {
    fn end(&mut self, bytes: &[u8]) -> Result<Option<usize>, SplitError> {
        loop {
            let Some(head) = bytes.get(self.at..self.at + 8) else { return Ok(None) };
            let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
            let next = self.at.saturating_add(length).saturating_add(12);
            if next > MAX_FILE {
                return Err(SplitError::TooLarge);
            }
            if &head[4..] == b"IEND" {
                return Ok((bytes.len() >= next).then_some(next));
            }
            self.at = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    use ::image::{ImageFormat, RgbImage};

    fn picture(format: ImageFormat, shade: u8) -> Vec<u8> {
        let image = RgbImage::from_fn(40, 24, |x, y| [shade, (x * 6) as u8, (y * 9) as u8].into());
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    /// Yields its bytes in pieces of uneven length.
    struct Trickle(Cursor<Vec<u8>>, usize);

    impl Read for Trickle {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            self.1 = self.1 % 7 + 1;
            let most = self.1.min(bytes.len());
            self.0.read(&mut bytes[..most])
        }
    }

    fn files(stream: Vec<u8>) -> Result<Vec<Vec<u8>>, SplitError> {
        let mut whole = PictureFiles::new(Cursor::new(stream.clone()));
        let mut pieces = PictureFiles::new(Trickle(Cursor::new(stream), 0));
        let mut found = Vec::new();
        loop {
            let (one, other) = (whole.next_file(), pieces.next_file());
            match (one, other) {
                (Ok(one), Ok(other)) => {
                    assert_eq!(one, other);
                    match one {
                        Some(file) => found.push(file),
                        None => return Ok(found),
                    }
                }
                (Err(error), Err(_)) => return Err(error),
                _ => panic!("the result depends on how the stream is cut"),
            }
        }
    }

    #[test]
    fn files_come_out_as_they_went_in() {
        let all = [picture(ImageFormat::Jpeg, 10), picture(ImageFormat::Png, 20), picture(ImageFormat::Jpeg, 250)];
        assert_eq!(files(all.concat()).unwrap(), all);
        let boundary = b"\r\n--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 999\r\n\r\n".to_vec();
        let multipart: Vec<u8> = all.iter().flat_map(|file| [boundary.clone(), file.clone()].concat()).collect();
        assert_eq!(files(multipart).unwrap(), all);
    }

    #[test]
    fn a_thumbnail_inside_does_not_end_its_picture() {
        let (inner, outer) = (picture(ImageFormat::Jpeg, 1), picture(ImageFormat::Jpeg, 2));
        let length = u16::try_from(inner.len() + 2).unwrap().to_be_bytes();
        let with_thumbnail = [&outer[..2], &[0xff, 0xe1], &length, &inner[..], &outer[2..]].concat();
        assert_eq!(files([with_thumbnail.clone(), outer.clone()].concat()).unwrap(), [with_thumbnail, outer]);
    }

    #[test]
    fn a_file_that_is_cut_off_is_left_out() {
        let file = picture(ImageFormat::Jpeg, 3);
        for end in 0..file.len() {
            assert_eq!(files([&file[..], &file[..end]].concat()).unwrap().len(), 1, "{end}");
        }
    }

    #[test]
    fn what_is_no_stream_of_pictures_is_refused() {
        assert!(matches!(files(vec![b'x'; MAX_BETWEEN + 100]), Err(SplitError::NoPictures)));
        assert!(files(Vec::new()).unwrap().is_empty());
        let absurd = [&PNG[..], &[0xff, 0xff, 0xff, 0xff], b"IDAT"].concat();
        assert!(matches!(files(absurd), Err(SplitError::TooLarge)));
        assert!(matches!(files(b"\xff\xd8\xff\xe0\0\0....".to_vec()), Err(SplitError::TooLarge)));
    }
}
