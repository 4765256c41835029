//! Vectors as 8-bit integers with a scale each.
//!
//! A code is `[item: u32][scale: f32][numbers: i8 x dimensions]`, little-endian; a number of the vector is its integer
//! times the scale, which is the largest magnitude over 127.

/// Bytes before the numbers.
const HEAD: usize = 8;

/// Bytes of a code.
pub(in super::super) fn stride(dimensions: usize) -> usize {
    HEAD + dimensions
}

/// Appends the code of a vector of `item` to `bytes`.
pub(in super::super) fn encode(item: u32, vector: &[f32], bytes: &mut Vec<u8>) {
    let largest = vector.iter().fold(0.0f32, |largest, number| largest.max(number.abs()));
    let scale = largest / 127.0;
    bytes.extend(item.to_le_bytes());
    bytes.extend(scale.to_le_bytes());
    let code = |number: &f32| (number / scale).round().clamp(-127.0, 127.0) as i8;
    bytes.extend(vector.iter().map(|number| code(number).cast_unsigned()));
}

/// Codes in memory or in a mapped file.
#[derive(Clone, Copy)]
pub(in super::super) struct Codes<'a> {
    bytes: &'a [u8],
    dimensions: usize,
}

impl<'a> Codes<'a> {
    pub fn new(bytes: &'a [u8], dimensions: usize) -> Self {
        Codes { bytes, dimensions }
    }

    pub fn encode(item: u32, vector: &[f32], bytes: &mut Vec<u8>) {
        encode(item, vector, bytes);
    }

    pub fn count(&self) -> usize {
        self.bytes.len() / stride(self.dimensions)
    }

    /// The codes from the `first`th on, at most `most`.
    pub fn part(&self, first: usize, most: usize) -> Codes<'a> {
        let stride = stride(self.dimensions);
        let start = (first * stride).min(self.bytes.len());
        let end = start.saturating_add(most.saturating_mul(stride)).min(self.bytes.len());
        Codes { bytes: &self.bytes[start..end], dimensions: self.dimensions }
    }

    /// Item, scale and numbers of each.
    #[inline(always)]
    pub fn iter(&self) -> impl Iterator<Item = (u32, f32, &'a [u8])> + use<'a> {
        self.bytes.chunks_exact(stride(self.dimensions)).map(|code| {
            let (head, numbers) = code.split_at(HEAD);
            let item = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
            (item, f32::from_le_bytes([head[4], head[5], head[6], head[7]]), numbers)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_kept_to_half_a_step() {
        let vector = [0.5, -0.25, 0.0, 0.123, -0.5];
        let mut bytes = Vec::new();
        encode(7, &[1.0; 5], &mut bytes);
        encode(9, &vector, &mut bytes);
        let codes = Codes::new(&bytes, 5);
        assert_eq!((codes.count(), codes.part(1, 9).count(), codes.part(2, 9).count()), (2, 1, 0));
        let (item, scale, numbers) = codes.part(1, 1).iter().next().unwrap();
        assert_eq!(item, 9);
        for (code, number) in numbers.iter().zip(vector) {
            assert!((f32::from(code.cast_signed()) * scale - number).abs() <= scale / 2.0 + 1e-7);
        }
    }
}
