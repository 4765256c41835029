//! The container of a recording: its tracks, and the recordings that are joined with it.

use std::io::{Cursor, ErrorKind, Read};

use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader};
use symphonia::core::io::{MediaSource, MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;

use super::flac::FlacStreams;
use super::source::{Input, OneWay};
use super::stream::RecordingStream;
use super::wording::describe;
use super::{adts, matroska, mp4, track};
use crate::media::audio::AudioError;

/// A source of several recordings, each of which is read to its end like a file of its own.
pub(super) trait Joined: Send {
    /// Whether the current recording has been read to the end that its structure shows.
    fn is_whole(&self) -> bool;

    /// Advances to the next recording; `None` if there is none. The current one must have been read to its end.
    fn next(&self) -> Option<Box<dyn MediaSource>>;
}

/// A container whose tracks are known.
pub(super) struct Opened {
    pub(super) format: Box<dyn FormatReader>,
    pub(super) joined: Option<Box<dyn Joined>>,
    /// The audio tracks, best first.
    pub(super) candidates: Vec<u32>,
    /// Edit lists of the tracks.
    pub(super) edits: Vec<mp4::Edits>,
}

impl Opened {
    /// Reads what precedes the packets of a recording that begins with `magic`.
    pub(super) fn new(input: &mut Input, magic: &[u8]) -> Result<Self, AudioError> {
        let (mut marked, mut edits) = (Vec::new(), Vec::new());
        let mut len = None;
        match input {
            Input::File(span) => {
                let (mut bytes, found) = (span.bytes(), span.len());
                if mp4::is_mp4(magic) {
                    let outline = mp4::Outline::read(&mut bytes, found)?;
                    (marked, edits, len) = (outline.enabled, outline.edits, outline.whole_len);
                } else if matroska::is_matroska(magic) {
                    marked = matroska::default_tracks(&mut bytes, found);
                }
            }
            Input::Stream(stream) if mp4::is_mp4(magic) => {
                if let Some(mut rest) = stream.take() {
                    let mp4::Beginning { bytes, outline } = mp4::Outline::read_stream(&mut rest)?;
                    (marked, edits) = (outline.enabled, outline.edits);
                    *stream = Some(Box::new(Cursor::new(bytes).chain(rest)));
                }
            }
            Input::Stream(_) => {}
        }
        let is_stream = !input.is_file();
        let Some(source) = input.open(len) else { return Err(AudioError::NoSamples) };
        let (format, joined): (Box<dyn FormatReader>, Option<Box<dyn Joined>>) =
            if magic.starts_with(b"fLaC") || magic.starts_with(b"ID3") {
                // An mp3 file begins with the same tag. Neither format is read from its end.
                let streams = FlacStreams::new(source);
                (probe(OneWay::boxed(streams.clone()))?, Some(Box::new(streams)))
            } else if adts::is_adts(magic) {
                let stream = MediaSourceStream::new(source, MediaSourceStreamOptions::default());
                (Box::new(adts::AdtsFrames::new(stream).map_err(describe)?), None)
            } else if is_stream {
                let stream = RecordingStream::new(source, magic);
                (probe(OneWay::boxed(stream.clone()))?, Some(Box::new(stream)))
            } else {
                (probe(source)?, None)
            };
        let candidates = track::candidates(format.as_ref(), &marked);
        Ok(Self { format, joined, candidates, edits })
    }
}

/// The reader of the container that a source begins with.
pub(super) fn probe(source: Box<dyn MediaSource>) -> Result<Box<dyn FormatReader>, AudioError> {
    let seekable = source.is_seekable();
    let stream = MediaSourceStream::new(source, MediaSourceStreamOptions::default());
    symphonia::default::get_probe()
        .probe(&Hint::new(), stream, FormatOptions::default(), MetadataOptions::default())
        .map_err(|error| match error {
            // The probe read the whole file.
            Error::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => AudioError::CutOff,
            Error::Unsupported("isomp4: missing moov atom") if !seekable => {
                AudioError::NotLive { format: "MP4 with its index at the end" }
            }
            Error::Unsupported(_) => AudioError::UnknownFormat,
            other => describe(other),
        })
}
