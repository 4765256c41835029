//! Sample encodings of WAV files, in `hound`'s terms.

use std::io::{self, Cursor, Read};

use hound::{Sample, SampleFormat, WavReader, WavSpec, WavWriter};

/// Encoding of a sample, a little-endian number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// 128 is silence.
    Unsigned8,
    Signed16,
    Signed24,
    Signed32,
    Float32,
    Float64,
    /// Companded (ITU-T G.711).
    ALaw,
    MuLaw,
}

impl Encoding {
    /// The header of a WAV file of such samples; its last four bytes are the length of the samples. Empty for encodings
    /// that `hound` does not read.
    pub(super) fn header(self) -> Result<Vec<u8>, hound::Error> {
        let mut file = Cursor::new(Vec::new());
        if let Some(spec) = self.spec() {
            WavWriter::new(&mut file, spec)?.finalize()?;
        }
        Ok(file.into_inner())
    }

    /// Appends the samples of `wav`, a file with [`Self::header`]; integers scaled to [-1, 1).
    pub(super) fn decode(self, wav: &[u8], samples: &mut Vec<f32>) -> Result<(), hound::Error> {
        match self.spec() {
            Some(WavSpec { sample_format: SampleFormat::Float, .. }) => read::<f32>(wav, samples, |sample| sample),
            // The narrower type is read faster.
            Some(WavSpec { bits_per_sample: bits @ ..=16, .. }) => {
                read::<i16>(wav, samples, |sample| f32::from(sample) / full_scale(bits))
            }
            Some(WavSpec { bits_per_sample: bits, .. }) => {
                read::<i32>(wav, samples, |sample| sample as f32 / full_scale(bits))
            }
            None if matches!(self, Self::ALaw | Self::MuLaw) => {
                let expand = if self == Self::ALaw { expand_a_law } else { expand_mu_law };
                samples.extend(wav.iter().map(|&code| f32::from(expand(code)) / full_scale(16)));
                Ok(())
            }
            None => {
                let (numbers, _) = wav.as_chunks();
                samples.extend(numbers.iter().map(|&number| f64::from_le_bytes(number) as f32));
                Ok(())
            }
        }
    }

    /// `None` for encodings that `hound` does not read.
    fn spec(self) -> Option<WavSpec> {
        let (bits_per_sample, sample_format) = match self {
            Self::Unsigned8 => (8, SampleFormat::Int),
            Self::Signed16 => (16, SampleFormat::Int),
            Self::Signed24 => (24, SampleFormat::Int),
            Self::Signed32 => (32, SampleFormat::Int),
            Self::Float32 => (32, SampleFormat::Float),
            Self::Float64 | Self::ALaw | Self::MuLaw => return None,
        };
        // Interleaved samples are read as a single channel at any rate, so the number of bytes per second, which
        // `hound` checks, fits into 32 bits whatever the channels and the rate are.
        Some(WavSpec { channels: 1, sample_rate: 16_000, bits_per_sample, sample_format })
    }
}

/// Decodes an A-law sample to 16 bits (ITU-T G.711).
fn expand_a_law(code: u8) -> i16 {
    let code = code ^ 0x55;
    let (segment, step) = ((code >> 4) & 7, i16::from(code & 0x0f));
    let magnitude = match segment {
        0 => (step << 4) + 8,
        _ => ((step << 4) + 0x108) << (segment - 1),
    };
    if code & 0x80 != 0 { magnitude } else { -magnitude }
}

/// Decodes a mu-law sample to 16 bits (ITU-T G.711).
fn expand_mu_law(code: u8) -> i16 {
    let code = !code;
    let (segment, step) = ((code >> 4) & 7, i16::from(code & 0x0f));
    let magnitude = (((step << 3) + 0x84) << segment) - 0x84;
    if code & 0x80 != 0 { -magnitude } else { magnitude }
}

fn full_scale(bits: u16) -> f32 {
    (1u64 << (bits - 1)) as f32
}

fn read<S: Sample>(wav: &[u8], samples: &mut Vec<f32>, scale: impl Fn(S) -> f32) -> Result<(), hound::Error> {
    let numbers = WavReader::new(Bytes(wav))?.into_samples::<S>();
    samples.reserve(numbers.len());
    for number in numbers {
        samples.push(scale(number?));
    }
    Ok(())
}

/// A slice that is read number by number. The standard library's reader of slices calls `memcpy` for two bytes, which
/// costs more than everything else about a 16-bit sample; here the compiler knows the length.
struct Bytes<'a>(&'a [u8]);

impl Read for Bytes<'_> {
    #[inline(always)]
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self.0.split_at_checked(bytes.len()) {
            Some((taken, rest)) => {
                bytes.copy_from_slice(taken);
                self.0 = rest;
                Ok(bytes.len())
            }
            None => self.0.read(bytes),
        }
    }
}
