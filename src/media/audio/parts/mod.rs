//! Recordings joined in one file (`cat a b > c`), and containers whose declared lengths are wrong.
//!
//! The decoders of most containers stop at the end of the first recording, or refuse a file that ends before its
//! declared length. So each recording is found at the top level of the file and opened as a file of its own, with
//! lengths that are true. Recordings of formats without a length (mp3, Ogg, FLAC, ADTS) and WAV files with plain
//! samples are joined by their decoders.

mod chunks;
mod elements;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::compressed::Span;
use super::decoder::Decoder;
use super::interleaved::Frames;
use super::{AudioError, unsupported, wav};

/// Maximum number of chunks, boxes or elements that are passed over in search of the next recording.
const MOST_STEPS: usize = 4_000_000;

/// Number of bytes that identify a recording: a WAV header's form ends at the twelfth.
const MAGIC_LEN: usize = 12;

/// One recording of a file.
#[derive(Debug)]
pub(super) struct Part {
    /// Its bytes, with lengths that are true.
    pub(super) span: Span,
    /// Where the next recording begins, if there is one.
    pub(super) next: Option<u64>,
    /// What is wrong with the lengths that it declares, if sound is missing.
    pub(super) warning: Option<String>,
}

/// The bytes of a file while it is examined.
struct Bytes<'a> {
    file: &'a File,
    /// Length of the file.
    len: u64,
}

impl Bytes<'_> {
    /// Up to `N` bytes at a position, and how many there are.
    fn at<const N: usize>(&self, position: u64) -> io::Result<([u8; N], usize)> {
        let (mut bytes, mut filled) = ([0; N], 0);
        while filled < N {
            match self.file.read_at(&mut bytes[filled..], position + filled as u64)? {
                0 => break,
                read => filled += read,
            }
        }
        Ok((bytes, filled))
    }

    /// Whether a recording in a container begins at a position.
    fn begins(&self, position: u64) -> io::Result<bool> {
        let (bytes, len) = self.at::<MAGIC_LEN>(position)?;
        Ok(wav::is_wav(&bytes[..len]) || unsupported::is_container(&bytes[..len]))
    }
}

impl Part {
    /// The recording that begins at `start` in a file of `len` bytes.
    ///
    /// # Errors
    /// [`AudioError::File`] if the file cannot be read.
    pub(super) fn find(file: &Arc<File>, start: u64, len: u64) -> Result<Self, AudioError> {
        let bytes = Bytes { file, len };
        let (magic, found) = bytes.at::<MAGIC_LEN>(start)?;
        let magic = &magic[..found];
        let found = if wav::is_wav(magic) {
            chunks::riff(&bytes, start)?
        } else if magic.get(4..8) == Some(b"ftyp") {
            chunks::boxes(&bytes, start)?
        } else if magic.starts_with(b"\x1a\x45\xdf\xa3") {
            elements::matroska(&bytes, start)?
        } else if magic.starts_with(b"FORM") && magic.get(8..11) == Some(b"AIF") {
            chunks::aiff(&bytes, start)?
        } else if magic.starts_with(b"caff") {
            chunks::caf(&bytes, start)?
        } else {
            Extent::default()
        };
        let end = found.next.or(found.end).unwrap_or(len);
        let span = Span::new(file.clone(), start, end, found.patches);
        Ok(Self { span, next: found.next, warning: found.warning })
    }
}

/// How far a recording reaches.
#[derive(Debug, Default)]
struct Extent {
    /// Where the next recording begins.
    next: Option<u64>,
    /// Where this one ends if none follows; `None`: at the end of the file.
    end: Option<u64>,
    /// Bytes to be read instead of those in the file, by position in the file.
    patches: Vec<(u64, Vec<u8>)>,
    warning: Option<String>,
}

/// Opens a part of a file.
pub(super) type Open = fn(&Part) -> Result<Box<dyn Decoder>, AudioError>;

/// Decodes the recordings of a file one after the other.
pub(super) struct JoinedDecoder {
    file: Arc<File>,
    len: u64,
    open: Open,
    decoder: Box<dyn Decoder>,
    /// Where the next recording begins, if there is one.
    next: Option<u64>,
    /// Whether the current decoder is at its end.
    ended: bool,
    /// Rate and channels of the last frames.
    form: (u32, usize),
    seconds: f64,
}

impl JoinedDecoder {
    /// A decoder of the file's only recording, or of all of them.
    ///
    /// # Errors
    /// [`AudioError`] if the first one cannot be opened.
    pub(super) fn open(file: Arc<File>, len: u64, open: Open) -> Result<Box<dyn Decoder>, AudioError> {
        let part = Part::find(&file, 0, len)?;
        let decoder = open(&part)?;
        if part.next.is_none() {
            return Ok(decoder);
        }
        Ok(Box::new(Self { file, len, open, decoder, next: part.next, ended: false, form: (16_000, 1), seconds: 0.0 }))
    }

    /// Opens the next recording that can be decoded, if there is one.
    fn advance(&mut self, warnings: &mut Vec<String>) -> Result<(), AudioError> {
        while let Some(start) = self.next.take() {
            let part = Part::find(&self.file, start, self.len)?;
            self.next = part.next;
            match (self.open)(&part) {
                Ok(decoder) => {
                    (self.decoder, self.ended) = (decoder, false);
                    return Ok(());
                }
                Err(error @ AudioError::File(_)) => return Err(error),
                Err(error) => warnings.push(left_out(&error, self.seconds)),
            }
        }
        Ok(())
    }
}

impl Decoder for JoinedDecoder {
    fn next(&mut self, warnings: &mut Vec<String>) -> Result<Option<Frames<'_>>, AudioError> {
        if self.ended {
            self.advance(warnings)?;
        }
        if self.ended {
            return Ok(None);
        }
        let nothing = Frames { sample_rate: self.form.0, channels: self.form.1, interleaved: &[] };
        match self.decoder.next(warnings) {
            Ok(Some(frames)) => {
                self.form = (frames.sample_rate, frames.channels);
                let count = frames.interleaved.len() / frames.channels.max(1);
                self.seconds += count as f64 / f64::from(frames.sample_rate.max(1));
                Ok(Some(frames))
            }
            Ok(None) => {
                self.ended = true;
                Ok(self.next.is_some().then_some(nothing))
            }
            Err(error @ AudioError::File(_)) => Err(error),
            // What comes before is used.
            Err(error) if self.seconds > 0.0 => {
                warnings.push(left_out(&error, self.seconds));
                self.ended = true;
                Ok(Some(nothing))
            }
            Err(error) => Err(error),
        }
    }
}

/// The warning about a recording that follows others and cannot be decoded.
pub(super) fn left_out(error: &AudioError, seconds: f64) -> String {
    match error {
        AudioError::UnsupportedCodec { codec } => {
            format!("another recording follows after {seconds:.1} s ({codec}), which is left out")
        }
        AudioError::NotLive { format } => {
            format!("another recording follows after {seconds:.1} s ({format}), which cannot be read from a stream")
        }
        _ => format!("a second recording after {seconds:.1} s is damaged: the part before is used"),
    }
}
