//! AAC in ADTS frames (ISO 13818-7, 6.2). `symphonia`'s own reader does not notice when rate or channels change.

use std::io::ErrorKind;

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::CODEC_ID_AAC;
use symphonia::core::errors::{Error, Result, SeekErrorKind};
use symphonia::core::formats::well_known::FORMAT_ID_ADTS;
use symphonia::core::formats::{FormatInfo, FormatReader, MediaInfo, SeekMode, SeekTo, SeekedTo, Track};
use symphonia::core::io::{MediaSourceStream, ReadBytes};
use symphonia::core::meta::{ChapterGroup, Metadata, MetadataLog};
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};

/// Sample rates by index.
const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// Samples per channel in a frame.
const FRAME_SAMPLES: u64 = 1024;

/// Parameters that a decoder is created for.
type Kind = (u8, u8, u8);

/// The header of a frame.
struct Header {
    /// Object type, index of the sample rate, and channel configuration.
    kind: Kind,
    payload: usize,
}

impl Header {
    const LEN: usize = 7;

    fn parse(bytes: [u8; Self::LEN]) -> Option<(Self, bool)> {
        let [0xff, sync, a, b, c, d, e] = bytes else { return None };
        if sync & 0xf6 != 0xf0 {
            return None;
        }
        let has_checksum = sync & 1 == 0;
        let kind = ((a >> 6) + 1, (a >> 2) & 0x0f, (a & 1) << 2 | b >> 6);
        let len = usize::from(b & 3) << 11 | usize::from(c) << 3 | usize::from(d) >> 5;
        let front = Self::LEN + if has_checksum { 2 } else { 0 };
        // Encoders do not write several blocks per frame.
        let one_block = e & 3 == 0;
        let known = usize::from(kind.1) < RATES.len() && kind.2 != 0;
        (known && one_block && len > front).then(|| (Self { kind, payload: len - front }, has_checksum))
    }
}

/// Reads frames, and requests a new decoder if they change.
pub(super) struct AdtsFrames<'s> {
    reader: MediaSourceStream<'s>,
    info: MediaInfo,
    tracks: Vec<Track>,
    metadata: MetadataLog,
    kind: Option<Kind>,
    /// A frame that was read before its decoder was created.
    waiting: Option<Box<[u8]>>,
    frames: u64,
}

/// Whether a file begins with two frames at the right distance.
pub(super) fn is_adts(bytes: &[u8]) -> bool {
    let frame = |bytes: &[u8]| Header::parse(*bytes.first_chunk()?);
    let Some((header, has_checksum)) = frame(bytes) else { return false };
    let len = header.payload + Header::LEN + if has_checksum { 2 } else { 0 };
    bytes.get(len..).is_none_or(|rest| rest.len() < Header::LEN || frame(rest).is_some())
}

impl<'s> AdtsFrames<'s> {
    pub(super) fn new(reader: MediaSourceStream<'s>) -> Result<Self> {
        let (info, metadata) = (MediaInfo::default(), MetadataLog::default());
        let mut frames = Self { reader, info, tracks: Vec::new(), metadata, kind: None, waiting: None, frames: 0 };
        let (kind, payload) = frames.read()?.ok_or_else(|| Error::IoError(ErrorKind::UnexpectedEof.into()))?;
        frames.begin(kind, payload);
        Ok(frames)
    }

    fn begin(&mut self, kind: Kind, payload: Box<[u8]>) {
        let (object, rate, channels) = kind;
        let mut parameters = AudioCodecParameters::new();
        // An AudioSpecificConfig (ISO 14496-3, 1.6.2.1) with the content of the frame headers.
        let config = u16::from(object) << 11 | u16::from(rate) << 7 | u16::from(channels) << 3;
        parameters
            .for_codec(CODEC_ID_AAC)
            .with_sample_rate(RATES[usize::from(rate)])
            .with_extra_data(Box::new(config.to_be_bytes()));
        let mut track = Track::new(0);
        track.with_codec_params(CodecParameters::Audio(parameters));
        self.tracks = vec![track];
        self.kind = Some(kind);
        self.waiting = Some(payload);
    }

    /// The next complete frame; `None` at the end.
    fn read(&mut self) -> Result<Option<(Kind, Box<[u8]>)>> {
        match self.read_frame() {
            Ok(frame) => Ok(Some(frame)),
            Err(Error::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read_frame(&mut self) -> Result<(Kind, Box<[u8]>)> {
        let mut bytes = [0; Header::LEN];
        self.reader.read_buf_exact(&mut bytes)?;
        loop {
            if let Some((header, has_checksum)) = Header::parse(bytes) {
                if has_checksum {
                    self.reader.read_be_u16()?;
                }
                return Ok((header.kind, self.reader.read_boxed_slice_exact(header.payload)?));
            }
            // Something else between frames, such as a tag.
            bytes.rotate_left(1);
            bytes[Header::LEN - 1] = self.reader.read_u8()?;
        }
    }
}

impl FormatReader for AdtsFrames<'_> {
    fn format_info(&self) -> &FormatInfo {
        &FormatInfo { format: FORMAT_ID_ADTS, short_name: "aac", long_name: "AAC in ADTS frames" }
    }

    fn media_info(&self) -> &MediaInfo {
        &self.info
    }

    fn metadata(&mut self) -> Metadata<'_> {
        self.metadata.metadata()
    }

    fn chapters(&self) -> Option<&ChapterGroup> {
        None
    }

    fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    fn seek(&mut self, _: SeekMode, _: SeekTo) -> Result<SeekedTo> {
        Err(Error::SeekError(SeekErrorKind::Unseekable))
    }

    fn next_packet(&mut self) -> Result<Option<Packet>> {
        let payload = match self.waiting.take() {
            Some(payload) => payload,
            None => match self.read()? {
                None => return Ok(None),
                Some((kind, payload)) if self.kind == Some(kind) => payload,
                Some((kind, payload)) => {
                    self.begin(kind, payload);
                    return Err(Error::ResetRequired);
                }
            },
        };
        let start = Timestamp::new((self.frames * FRAME_SAMPLES).cast_signed());
        self.frames += 1;
        Ok(Some(Packet::new(0, start, Duration::new(FRAME_SAMPLES), payload)))
    }

    fn into_inner<'t>(self: Box<Self>) -> MediaSourceStream<'t>
    where
        Self: 't,
    {
        self.reader
    }
}
