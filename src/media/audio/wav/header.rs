//! Finds the format and the samples in a RIFF file.
//!
//! Format: Microsoft's "Multimedia Programming Interface and Data Specifications 1.0" and `WAVEFORMATEXTENSIBLE`;
//! RF64: EBU Tech 3306. Where a file breaks the rules, ffmpeg's `wavdec.c` is the model.

use std::io::{ErrorKind, Read, Seek, SeekFrom};

use super::super::AudioError;

const PCM: u16 = 0x0001;
const IEEE_FLOAT: u16 = 0x0003;
const EXTENSIBLE: u16 = 0xfffe;

/// A size from here on stands for "unknown" where it is beyond the end of the file: programs that write to a pipe put
/// 0xFFFFFFFF (ffmpeg) or something just below 0x7FFFFFFF (sox, arecord) there.
const PLACEHOLDER: u64 = 0x7fff_0000;

/// Where a WAV file has its samples, and what they are.
#[derive(Debug)]
pub(crate) struct Header {
    /// The codec; for the extensible form, the codec that its GUID stands for.
    pub(crate) format_tag: u16,
    pub(crate) channels: u16,
    pub(crate) sample_rate: u32,
    /// Bytes that a sample takes in the file. A sample of fewer bits sits in the upper ones.
    sample_len: u16,
    pub(crate) data_start: u64,
    /// Whole frames, and never beyond the end of the file.
    pub(crate) data_len: u64,
    /// What is odd about the file, though it can be used.
    pub(crate) warning: Option<String>,
}

impl Header {
    /// Reads chunks up to the samples. `file_len` is the true length of the file.
    pub(crate) fn read(file: &mut (impl Read + Seek), file_len: u64) -> Result<Self, AudioError> {
        file.seek(SeekFrom::Start(12))?;
        let mut format = None;
        let mut long_len = None;
        loop {
            let mut chunk = [0; 8];
            read_exact(file, &mut chunk)?;
            let (id, size) = chunk.split_at(4);
            let size = u64::from(le_u32(size));
            let start = file.stream_position()?;
            match id {
                b"fmt " => format = Some(Format::read(file, size)?),
                b"ds64" => {
                    // The sizes that do not fit in 32 bits: of the file, then of the samples.
                    let mut sizes = [0; 16];
                    read_exact(file, &mut sizes)?;
                    long_len = Some(u64::from(le_u32(&sizes[12..])) << 32 | u64::from(le_u32(&sizes[8..])));
                }
                b"data" => {
                    let Some(format) = format else {
                        return Err(AudioError::Malformed("no format before the samples".into()));
                    };
                    let declared = match (size, long_len) {
                        (0xffff_ffff, Some(long_len)) => long_len,
                        _ => size,
                    };
                    return format.with_data(start, declared, file_len.saturating_sub(start));
                }
                _ => {}
            }
            // Chunks begin at even offsets.
            let next = start + size + size % 2;
            if next >= file_len {
                return Err(AudioError::CutOff);
            }
            file.seek(SeekFrom::Start(next))?;
        }
    }

    /// Whether the samples are integers or 32-bit floats, not an encoding to be undone.
    pub(crate) fn is_linear(&self) -> bool {
        match self.format_tag {
            PCM => (1..=4).contains(&self.sample_len),
            IEEE_FLOAT => self.sample_len == 4,
            _ => false,
        }
    }

    /// Bytes of one frame: a sample of each channel.
    pub(crate) fn frame_len(&self) -> u16 {
        // Checked when the header was read.
        self.channels * self.sample_len
    }

    /// The header of the plainest WAV file with these samples, `data_len` bytes of them.
    pub(crate) fn canonical(&self, data_len: u32) -> Vec<u8> {
        let frame_len = self.frame_len();
        let mut bytes = Vec::with_capacity(44);
        bytes.extend_from_slice(b"RIFF");
        bytes.extend_from_slice(&data_len.saturating_add(36).to_le_bytes());
        bytes.extend_from_slice(b"WAVEfmt ");
        bytes.extend_from_slice(&16u32.to_le_bytes());
        bytes.extend_from_slice(&self.format_tag.to_le_bytes());
        bytes.extend_from_slice(&self.channels.to_le_bytes());
        bytes.extend_from_slice(&self.sample_rate.to_le_bytes());
        let bytes_per_second = u64::from(self.sample_rate) * u64::from(frame_len);
        bytes.extend_from_slice(&(bytes_per_second as u32).to_le_bytes());
        bytes.extend_from_slice(&frame_len.to_le_bytes());
        bytes.extend_from_slice(&(8 * self.sample_len).to_le_bytes());
        bytes.extend_from_slice(b"data");
        bytes.extend_from_slice(&data_len.to_le_bytes());
        bytes
    }
}

/// The content of a `fmt ` chunk.
struct Format {
    tag: u16,
    channels: u16,
    sample_rate: u32,
    sample_len: u16,
}

impl Format {
    fn read(file: &mut impl Read, size: u64) -> Result<Self, AudioError> {
        let mut bytes = [0; 40];
        let bytes = &mut bytes[..size.min(40) as usize];
        read_exact(file, bytes)?;
        if bytes.len() < 16 {
            return Err(AudioError::Malformed(format!("a format chunk of {size} bytes")));
        }
        let mut tag = le_u16(&bytes[0..]);
        let channels = le_u16(&bytes[2..]);
        let sample_rate = le_u32(&bytes[4..]);
        let frame_len = le_u16(&bytes[12..]);
        let bits = le_u16(&bytes[14..]);
        if tag == EXTENSIBLE {
            if bytes.len() < 26 {
                return Err(AudioError::Malformed(format!("an extensible format chunk of {size} bytes")));
            }
            // The GUID of a codec that has a tag begins with the tag.
            tag = le_u16(&bytes[24..]);
        }
        if channels == 0 {
            return Err(AudioError::Malformed("no channels".into()));
        }
        // The frame's length tells how wide a sample's container is (24 bits in 32, say), where it is plausible.
        let mut sample_len = bits.div_ceil(8);
        let container = frame_len / channels;
        if frame_len.is_multiple_of(channels) && container > sample_len && container <= 4 {
            sample_len = container;
        }
        if matches!(tag, PCM | IEEE_FLOAT) && (bits == 0 || channels.checked_mul(sample_len).is_none()) {
            return Err(AudioError::Malformed(format!("{channels} channels of {bits} bits")));
        }
        Ok(Self { tag, channels, sample_rate, sample_len })
    }

    /// The header, given where the samples begin, how long they claim to be, and how many bytes the file still has.
    fn with_data(self, start: u64, declared: u64, available: u64) -> Result<Header, AudioError> {
        let mut header = Header {
            format_tag: self.tag,
            channels: self.channels,
            sample_rate: self.sample_rate,
            sample_len: self.sample_len,
            data_start: start,
            data_len: declared,
            warning: None,
        };
        if !header.is_linear() {
            return Ok(header);
        }
        // 0 is what a recorder leaves that was stopped before it could write the size.
        if declared == 0 {
            header.data_len = available;
        } else if declared > available {
            if declared < PLACEHOLDER {
                header.warning = Some(format!(
                    "the file is cut off: {available} of {declared} bytes of samples are there and are used"
                ));
            }
            header.data_len = available;
        }
        header.data_len -= header.data_len % u64::from(header.frame_len());
        Ok(header)
    }
}

/// The name of a codec in a WAV file, for error texts.
pub(crate) fn format_name(tag: u16) -> String {
    let name = match tag {
        PCM => "integer samples of more than 32 bits",
        0x0002 => "Microsoft ADPCM",
        IEEE_FLOAT => "floating-point samples of an unusual width",
        0x0006 => "A-law",
        0x0007 => "mu-law",
        0x0011 => "IMA ADPCM",
        0x0031 => "GSM 6.10",
        0x0045 => "G.726 ADPCM",
        0x0050 => "MPEG layer 1 or 2",
        0x0055 => "mp3",
        0x00ff | 0x1610 => "AAC",
        0x0160..=0x0163 => "Windows Media Audio",
        0x2000 => "AC-3",
        0x704f => "Opus",
        _ => return format!("the codec with format tag {tag:#06x}"),
    };
    name.into()
}

fn read_exact(file: &mut impl Read, bytes: &mut [u8]) -> Result<(), AudioError> {
    file.read_exact(bytes).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => AudioError::CutOff,
        _ => error.into(),
    })
}

/// The first two bytes. Callers check the length.
fn le_u16(bytes: &[u8]) -> u16 {
    u16::from_le_bytes([bytes[0], bytes[1]])
}

/// The first four bytes. Callers check the length.
fn le_u32(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
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
        let header = Header::read(&mut Cursor::new(file), len).unwrap();
        assert_eq!((header.format_tag, header.channels, header.sample_rate), (PCM, 2, 48_000));
        assert!(header.is_linear());
        assert_eq!((header.frame_len(), header.data_len), (6, 12));
    }
}
