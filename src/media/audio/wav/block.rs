//! A block of samples as a WAV file in memory, for `hound`.

use super::super::AudioError;
use super::encoding::Encoding;

/// Buffer for some frames, after a correct header.
///
/// `hound` trusts headers, counts bytes in 32 bits, and cannot stop before a sample that has not arrived yet.
/// So it does not read the file or the stream, but the bytes that have arrived, block by block.
pub(super) struct Block {
    encoding: Encoding,
    /// The header, then the frames.
    wav: Vec<u8>,
    header_len: usize,
    frame_len: usize,
    /// Number of bytes of frames in the buffer; the last frame may be incomplete.
    filled: usize,
    /// Number of bytes of a sample, whose order is to be reversed.
    swapped: usize,
}

impl Block {
    /// `frame_len` is in bytes.
    pub(super) fn new(encoding: Encoding, frame_len: usize, frames: usize) -> Result<Self, AudioError> {
        let mut wav = encoding.header().map_err(describe)?;
        let header_len = wav.len();
        wav.resize(header_len + frames * frame_len, 0);
        Ok(Self { encoding, wav, header_len, frame_len, filled: 0, swapped: 1 })
    }

    /// Reverses the bytes of samples of this length: big-endian ones.
    pub(super) fn swapped(self, sample_len: usize) -> Self {
        Self { swapped: sample_len.max(1), ..self }
    }

    /// Space for the next bytes; never empty after [`Self::decode`].
    pub(super) fn room(&mut self) -> &mut [u8] {
        &mut self.wav[self.header_len + self.filled..]
    }

    /// Adds bytes that were written to the beginning of [`Self::room`].
    pub(super) fn fill(&mut self, len: usize) {
        self.filled += len;
    }

    /// Whether there is a whole frame.
    pub(super) fn has_frame(&self) -> bool {
        self.filled >= self.frame_len
    }

    /// Whether the buffer is empty, without even a part of a frame.
    pub(super) fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Removes the whole frames and appends their samples. The beginning of an incomplete frame stays.
    pub(super) fn decode(&mut self, samples: &mut Vec<f32>) -> Result<(), AudioError> {
        let start = self.header_len;
        let len = self.filled - self.filled % self.frame_len;
        if let Some(size) = self.wav[..start].last_chunk_mut() {
            // A block is much shorter than 4 GiB.
            *size = (len as u32).to_le_bytes();
        }
        if self.swapped > 1 {
            self.wav[start..start + len].chunks_exact_mut(self.swapped).for_each(<[u8]>::reverse);
        }
        self.encoding.decode(&self.wav[..start + len], samples).map_err(describe)?;
        self.wav.copy_within(start + len..start + self.filled, start);
        self.filled -= len;
        Ok(())
    }
}

fn describe(error: hound::Error) -> AudioError {
    AudioError::Malformed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(encoding: Encoding, bytes: &[u8], frame_len: usize) -> Vec<f32> {
        let mut block = Block::new(encoding, frame_len, bytes.len().div_ceil(frame_len)).unwrap();
        block.room()[..bytes.len()].copy_from_slice(bytes);
        block.fill(bytes.len());
        let mut samples = Vec::new();
        block.decode(&mut samples).unwrap();
        samples
    }

    #[test]
    fn every_encoding_to_the_bit() {
        assert_eq!(decode(Encoding::Unsigned8, &[0, 128, 129, 255], 1), [-1.0, 0.0, 1.0 / 128.0, 127.0 / 128.0]);
        let integers = [i32::MIN, -1, 0, 1, 16_777_217, 0x1234_5678, i32::MAX];
        let scaled = |scale: f32| integers.map(|integer| integer as f32 / scale);
        let bytes = integers.map(i32::to_le_bytes);
        assert_eq!(decode(Encoding::Signed32, bytes.as_flattened(), 4), scaled(2_147_483_648.0));
        let upper = integers.map(|integer| (integer >> 8) as f32 / 8_388_608.0);
        assert_eq!(decode(Encoding::Signed24, &bytes.map(|[_, a, b, c]| [a, b, c]).concat(), 3), upper);
        let upper = integers.map(|integer| (integer >> 16) as f32 / 32_768.0);
        assert_eq!(decode(Encoding::Signed16, &bytes.map(|[_, _, a, b]| [a, b]).concat(), 2), upper);
        let floats = [-1.5f32, f32::MIN_POSITIVE, 1e-40, f32::INFINITY];
        assert_eq!(decode(Encoding::Float32, floats.map(f32::to_le_bytes).as_flattened(), 4), floats);
        let doubles = floats.map(|float| f64::from(float).to_le_bytes());
        assert_eq!(decode(Encoding::Float64, doubles.as_flattened(), 8), floats);
    }

    #[test]
    fn the_longest_frame() {
        let samples = decode(Encoding::Signed24, &[0x40; 65_535 * 2 + 9], 65_535);
        assert_eq!(samples, [0x40_4040 as f32 / 8_388_608.0; 21_845 * 2]);
    }

    #[test]
    fn a_frame_may_come_in_pieces() {
        let integers: Vec<i16> = (0..24).collect();
        let bytes: Vec<u8> = integers.iter().flat_map(|integer| integer.to_le_bytes()).collect();
        let expected: Vec<f32> = integers.iter().map(|&integer| f32::from(integer) / 32_768.0).collect();
        let mut block = Block::new(Encoding::Signed16, 16, 2).unwrap();
        let mut samples = Vec::new();
        let mut rest = bytes.as_slice();
        for (len, frames) in [(15, 0), (14, 1), (7, 2), (11, 2), (1, 3)] {
            let (piece, left) = rest.split_at(len);
            rest = left;
            block.room()[..len].copy_from_slice(piece);
            block.fill(len);
            block.decode(&mut samples).unwrap();
            assert_eq!(samples, expected[..frames * 8]);
            assert!(!block.room().is_empty() && !block.has_frame());
        }
        assert!(block.is_empty());
    }
}
