//! WAV files with integer or 32-bit float samples.
//!
//! `hound` reads the samples. It takes a header at its word, though, and recorders write headers that are not true:
//! sizes of 0 or 0xFFFFFFFF from programs that could not seek back, sizes beyond the end of a file whose recording
//! was cut short, odd chunks without their padding byte. So [`Header`] finds the samples the way ffmpeg does, and
//! `hound` is given them behind a header that is true.

mod header;

use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek, SeekFrom};

pub(super) use header::{Header, format_name};

use super::AudioError;
use super::mono::{MonoWriter, check_sample_rate};

/// Frames decoded at a time.
const BLOCK_FRAMES: usize = 4096;

/// Whether a file that begins with `magic` is a WAV file (RF64 is its form for more than 4 GiB).
pub(super) fn is_wav(magic: &[u8]) -> bool {
    matches!(magic.get(..4), Some(b"RIFF" | b"RF64")) && magic.get(8..12) == Some(b"WAVE")
}

/// Decodes the samples of a WAV file for which [`Header::is_linear`] holds.
pub(super) fn decode(file: &mut File, header: &Header, samples: &mut MonoWriter) -> Result<(), AudioError> {
    if let Some(warning) = &header.warning {
        samples.warn(warning.clone());
    }
    // Before `hound` finds that such a rate does not fit its own header.
    check_sample_rate(header.sample_rate)?;
    file.seek(SeekFrom::Start(header.data_start))?;
    let mut remaining = header.data_len;
    while remaining > 0 {
        // A header counts bytes in 32 bits, so longer data is read in pieces of whole frames.
        let limit = u32::MAX - u32::MAX % u32::from(header.frame_len());
        let piece = remaining.min(u64::from(limit));
        let head = header.canonical(piece as u32);
        // `hound` reads sample by sample, so the buffer is the outermost.
        let reader = BufReader::new(Cursor::new(head).chain((&mut *file).take(piece)));
        decode_piece(reader, header, samples)?;
        remaining -= piece;
        file.seek(SeekFrom::Start(header.data_start + header.data_len - remaining))?;
    }
    Ok(())
}

fn decode_piece(reader: impl Read, header: &Header, samples: &mut MonoWriter) -> Result<(), AudioError> {
    let mut reader = hound::WavReader::new(reader).map_err(describe)?;
    let spec = reader.spec();
    let channels = usize::from(spec.channels);
    let mut block = Vec::with_capacity(BLOCK_FRAMES * channels);
    let total = reader.len() as usize;
    let full_scale = (1u64 << (spec.bits_per_sample - 1)) as f32;
    for start in (0..total).step_by(BLOCK_FRAMES * channels) {
        let count = (total - start).min(BLOCK_FRAMES * channels);
        block.clear();
        match spec.sample_format {
            hound::SampleFormat::Float => {
                for sample in reader.samples::<f32>().take(count) {
                    block.push(sample.map_err(describe)?);
                }
            }
            hound::SampleFormat::Int => {
                for sample in reader.samples::<i32>().take(count) {
                    block.push(sample.map_err(describe)? as f32 / full_scale);
                }
            }
        }
        samples.push(header.sample_rate, channels, &block)?;
    }
    Ok(())
}

fn describe(error: hound::Error) -> AudioError {
    match error {
        hound::Error::IoError(error) => error.into(),
        other => AudioError::Malformed(other.to_string()),
    }
}
