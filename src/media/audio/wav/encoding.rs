//! Samples as WAV files write them down: little-endian numbers.

/// How a sample is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// 128 is silence.
    Unsigned8,
    Signed16,
    Signed24,
    Signed32,
    Float32,
    Float64,
}

impl Encoding {
    /// Appends the samples in `bytes`, which holds whole ones; integers scaled to [-1, 1).
    pub(super) fn decode(self, bytes: &[u8], samples: &mut Vec<f32>) {
        match self {
            Self::Unsigned8 => each::<1>(bytes, samples, |[byte]| (f32::from(byte) - 128.0) / 128.0),
            Self::Signed16 => each(bytes, samples, |bytes| f32::from(i16::from_le_bytes(bytes)) / 32_768.0),
            // As the upper bytes of 32 bits, which keeps the sign.
            Self::Signed24 => {
                each(bytes, samples, |[a, b, c]| i32::from_le_bytes([0, a, b, c]) as f32 / 2_147_483_648.0);
            }
            Self::Signed32 => each(bytes, samples, |bytes| i32::from_le_bytes(bytes) as f32 / 2_147_483_648.0),
            Self::Float32 => each(bytes, samples, f32::from_le_bytes),
            Self::Float64 => each(bytes, samples, |bytes| f64::from_le_bytes(bytes) as f32),
        }
    }
}

fn each<const LEN: usize>(bytes: &[u8], samples: &mut Vec<f32>, decode: impl Fn([u8; LEN]) -> f32) {
    let (numbers, _) = bytes.as_chunks::<LEN>();
    samples.extend(numbers.iter().map(|&number| decode(number)));
}
