//! Finds the format and the samples in a RIFF file.
//!
//! Format: Microsoft's "Multimedia Programming Interface and Data Specifications 1.0" and `WAVEFORMATEXTENSIBLE`;
//! RF64: EBU Tech 3306; BW64: ITU-R BS.2088; RIFX: RIFF with big-endian numbers. Where a file breaks the rules, ffmpeg's `wavdec.c` is the model.

use std::io::{self, ErrorKind, Read};

use super::super::AudioError;
use super::encoding::Encoding;
use super::is_big_endian;

const PCM: u16 = 0x0001;
const IEEE_FLOAT: u16 = 0x0003;
const ALAW: u16 = 0x0006;
const MULAW: u16 = 0x0007;
const EXTENSIBLE: u16 = 0xfffe;

/// A size from here on means "unknown" if it is beyond the end of the file, or the end is not known: programs that
/// write to a pipe use 0xFFFFFFFF (ffmpeg) or about 0x7FFFFFFF (sox, arecord).
const PLACEHOLDER: u64 = 0x7fff_0000;

/// Format and number of samples of a WAV file.
#[derive(Debug)]
pub(crate) struct Header {
    /// The codec; for the extensible form, the codec of its GUID.
    pub(crate) format_tag: u16,
    pub(crate) channels: u16,
    pub(crate) sample_rate: u32,
    /// Bytes per sample in the file. A sample with fewer bits is in the upper ones.
    sample_len: u16,
    /// Length of the samples in bytes: whole frames, never beyond the end of the file. `None`: until the stream ends.
    pub(crate) data_len: Option<u64>,
    /// Number of bytes of the samples' chunk after the last whole frame, including padding.
    pub(crate) tail: usize,
    /// Number of bytes of the file from the first sample on; `None` for a stream.
    pub(crate) available: Option<u64>,
    /// Whether its numbers are big-endian.
    pub(super) big_endian: bool,
    /// Warnings about the file.
    pub(crate) warning: Option<String>,
}

impl Header {
    /// Reads from the beginning up to the first sample. `file_len` is the actual length of a file; `None` for a stream.
    pub(crate) fn read(file: &mut impl Read, file_len: Option<u64>) -> Result<Self, AudioError> {
        let mut magic = [0; 12];
        read_exact(file, &mut magic)?;
        let order = if is_big_endian(&magic) { Order::Big } else { Order::Little };
        let mut position = 12u64;
        let mut format = None;
        let mut long_len = None;
        loop {
            let mut chunk = [0; 8];
            read_exact(file, &mut chunk)?;
            position += 8;
            let (id, size) = chunk.split_at(4);
            let size = u64::from(order.u32(size));
            let used = match id {
                b"fmt " => {
                    let (read, used) = Format::read(file, size, order)?;
                    format = Some(read);
                    used
                }
                b"ds64" => {
                    // The sizes that do not fit into 32 bits: of the file, then of the samples.
                    let mut sizes = [0; 16];
                    read_exact(file, &mut sizes)?;
                    long_len = Some(u64::from(order.u32(&sizes[12..])) << 32 | u64::from(order.u32(&sizes[8..])));
                    16
                }
                b"data" => {
                    let Some(format) = format else {
                        return Err(AudioError::Malformed("no format before the samples".into()));
                    };
                    let declared = match (size, long_len) {
                        (0xffff_ffff, Some(long_len)) => long_len,
                        _ => size,
                    };
                    return format.with_data(declared, file_len.map(|len| len.saturating_sub(position)));
                }
                _ => 0,
            };
            // Chunks begin at even offsets.
            let next = size + size % 2;
            io::copy(&mut file.take(next.saturating_sub(used)), &mut io::sink())?;
            position += next.max(used);
        }
    }

    /// A header for raw samples: 16-bit little-endian mono, until the stream ends.
    pub(crate) fn raw(sample_rate: u32) -> Self {
        Self {
            format_tag: PCM,
            channels: 1,
            sample_rate,
            sample_len: 2,
            data_len: None,
            tail: 0,
            available: None,
            big_endian: false,
            warning: None,
        }
    }

    /// Number of bytes of a sample, if their order is reversed; otherwise 1.
    pub(super) fn swapped_len(&self) -> usize {
        if self.big_endian { usize::from(self.sample_len) } else { 1 }
    }

    /// Encoding of the samples, if `hound` or this module can read it.
    pub(crate) fn encoding(&self) -> Option<Encoding> {
        match (self.format_tag, self.sample_len) {
            (PCM, 1) => Some(Encoding::Unsigned8),
            (PCM, 2) => Some(Encoding::Signed16),
            (PCM, 3) => Some(Encoding::Signed24),
            (PCM, 4) => Some(Encoding::Signed32),
            (ALAW, 1) => Some(Encoding::ALaw),
            (MULAW, 1) => Some(Encoding::MuLaw),
            (IEEE_FLOAT, 4) => Some(Encoding::Float32),
            (IEEE_FLOAT, 8) => Some(Encoding::Float64),
            _ => None,
        }
    }

    /// Bytes per frame: a sample of each channel.
    pub(crate) fn frame_len(&self) -> u16 {
        // Checked when the header was read.
        self.channels * self.sample_len
    }
}

/// The content of a `fmt ` chunk.
struct Format {
    tag: u16,
    channels: u16,
    sample_rate: u32,
    sample_len: u16,
    order: Order,
}

impl Format {
    /// Reads the chunk; also returns the number of bytes read.
    fn read(file: &mut impl Read, size: u64, order: Order) -> Result<(Self, u64), AudioError> {
        let mut bytes = [0; 40];
        let bytes = &mut bytes[..size.min(40) as usize];
        read_exact(file, bytes)?;
        if bytes.len() < 16 {
            return Err(AudioError::Malformed(format!("a format chunk of {size} bytes")));
        }
        let mut tag = order.u16(&bytes[0..]);
        let channels = order.u16(&bytes[2..]);
        let sample_rate = order.u32(&bytes[4..]);
        let frame_len = order.u16(&bytes[12..]);
        let bits = order.u16(&bytes[14..]);
        if tag == EXTENSIBLE {
            if bytes.len() < 28 {
                return Err(AudioError::Malformed(format!("an extensible format chunk of {size} bytes")));
            }
            // The GUID of a codec that has a tag begins with the tag, as a number of 32 bits.
            tag = order.u32(&bytes[24..]) as u16;
        }
        if channels == 0 {
            return Err(AudioError::Malformed("no channels".into()));
        }
        // If plausible, the frame's length determines the width of a sample's container (such as 24 bits in 32).
        let mut sample_len = bits.div_ceil(8);
        let container = frame_len / channels;
        if frame_len.is_multiple_of(channels) && container > sample_len && container <= 4 {
            sample_len = container;
        }
        if matches!(tag, PCM | IEEE_FLOAT | ALAW | MULAW) && (bits == 0 || channels.checked_mul(sample_len).is_none()) {
            return Err(AudioError::Malformed(format!("{channels} channels of {bits} bits")));
        }
        Ok((Self { tag, channels, sample_rate, sample_len, order }, bytes.len() as u64))
    }

    /// The header, given the declared length of the samples and the remaining length of the file.
    fn with_data(self, declared: u64, available: Option<u64>) -> Result<Header, AudioError> {
        let mut header = Header {
            format_tag: self.tag,
            channels: self.channels,
            sample_rate: self.sample_rate,
            sample_len: self.sample_len,
            data_len: Some(declared),
            tail: 0,
            available,
            big_endian: self.order == Order::Big,
            warning: None,
        };
        if header.encoding().is_none() {
            return Ok(header);
        }
        // A recorder that was stopped before it could write the size leaves 0.
        let unknown = declared == 0 || declared >= PLACEHOLDER;
        header.data_len = match available {
            None => (!unknown).then_some(declared),
            Some(available) if declared > 0 && declared <= available => Some(declared),
            Some(available) => {
                if !unknown {
                    header.warning = Some(format!(
                        "the file is cut off: it has {available} of {declared} bytes of samples, which are used"
                    ));
                }
                Some(available)
            }
        };
        if let Some(len) = header.data_len {
            let part = len % u64::from(header.frame_len());
            header.tail = (part + len % 2) as usize;
            header.data_len = Some(len - part);
        }
        Ok(header)
    }
}

/// The name of a codec in a WAV file, for error texts.
pub(crate) fn format_name(tag: u16) -> String {
    let name = match tag {
        PCM => "integer samples of more than 32 bits",
        0x0002 => "Microsoft ADPCM",
        IEEE_FLOAT => "floating-point samples of an unusual width",
        ALAW => "A-law of an unusual width",
        MULAW => "mu-law of an unusual width",
        0x0011 => "IMA ADPCM",
        0x0031 => "GSM 6.10",
        0x0045 => "G.726 ADPCM",
        0x0050 => "MPEG layer 1 or 2",
        0x0055 => "mp3",
        0x00ff | 0x1610 => "AAC",
        0x0160..=0x0163 => "Windows Media Audio",
        0x2000 => "AC-3",
        0x704f => "Opus",
        _ => return "an unknown codec".to_string(),
    };
    name.into()
}

fn read_exact(file: &mut impl Read, bytes: &mut [u8]) -> Result<(), AudioError> {
    file.read_exact(bytes).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => AudioError::CutOff,
        _ => error.into(),
    })
}

/// The order of the bytes of a number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

impl Order {
    /// The first two bytes. Callers check the length.
    fn u16(self, bytes: &[u8]) -> u16 {
        let number = [bytes[0], bytes[1]];
        if self == Self::Big { u16::from_be_bytes(number) } else { u16::from_le_bytes(number) }
    }

    /// The first four bytes. Callers check the length.
    fn u32(self, bytes: &[u8]) -> u32 {
        let number = [bytes[0], bytes[1], bytes[2], bytes[3]];
        if self == Self::Big { u32::from_be_bytes(number) } else { u32::from_le_bytes(number) }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn the_extensible_form_names_its_codec_by_guid() {
        let mut file = b"RIFF\0\0\0\0WAVEfmt \x28\0\0\0".to_vec();
        for field in [EXTENSIBLE, 2] {
            file.extend(field.to_le_bytes());
        }
        for field in [48_000u32, 48_000 * 6] {
            file.extend(field.to_le_bytes());
        }
        // Frame length, bits, size of the extension, valid bits, then the channel mask.
        for field in [6u16, 24, 22, 20, 3, 0] {
            file.extend(field.to_le_bytes());
        }
        file.extend(b"\x01\0\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71");
        file.extend(b"data\x0d\0\0\0");
        file.extend([0; 13]);

        let len = file.len() as u64;
        let header = Header::read(&mut Cursor::new(file), Some(len)).unwrap();
        assert_eq!((header.format_tag, header.channels, header.sample_rate), (PCM, 2, 48_000));
        assert_eq!(header.encoding(), Some(Encoding::Signed24));
        assert_eq!((header.frame_len(), header.data_len), (6, Some(12)));
    }
}
