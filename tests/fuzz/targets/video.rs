//! Streams of pictures.

use std::io::{Cursor, Read};

use edgefuse::media::video::PictureFiles;

/// Yields at most seven bytes at a time.
struct Trickle<'a>(Cursor<&'a [u8]>);

impl Read for Trickle<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        let most = bytes.len().min(7);
        self.0.read(&mut bytes[..most])
    }
}

/// The files of a stream: parts of it, in order, and the same however it arrives.
pub fn frames(bytes: &[u8]) -> bool {
    let mut whole = PictureFiles::new(bytes);
    let mut pieces = PictureFiles::new(Trickle(Cursor::new(bytes)));
    let (mut rest, mut count) = (bytes, 0);
    loop {
        match (whole.next_file(), pieces.next_file()) {
            (Ok(Some(file)), Ok(Some(same))) => {
                assert_eq!(file, same);
                let at = rest.windows(file.len()).position(|part| part == file);
                rest = &rest[at.expect("a file is a part of the stream") + file.len()..];
                count += 1;
            }
            (Ok(None), Ok(None)) => return count > 0,
            (Err(_), Err(_)) => return false,
            other => panic!("the files depend on how the stream arrives: {other:?}"),
        }
    }
}
