//! Vectors as 16-bit floats.

use half::f16;
use half::slice::HalfFloatSliceExt;

/// Bytes of a vector.
pub(in super::super) fn exact_size(dimensions: usize) -> usize {
    2 * dimensions
}

/// The bytes of a vector, little-endian.
pub(in super::super) fn exact_bytes(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|number| f16::from_f32(*number).to_le_bytes()).collect()
}

/// The dot product of `query` with the vector stored in `bytes`.
pub(in super::super) fn similarity(query: &[f32], bytes: &[u8]) -> f32 {
    /// Numbers that are converted at once, with the processor's instruction if it has one.
    const BLOCK: usize = 64;
    let (mut halves, mut floats) = ([f16::ZERO; BLOCK], [0.0; BLOCK]);
    let mut sum = 0.0;
    for (query, bytes) in query.chunks(BLOCK).zip(bytes.chunks(2 * BLOCK)) {
        for (half, pair) in halves.iter_mut().zip(bytes.chunks_exact(2)) {
            *half = f16::from_le_bytes([pair[0], pair[1]]);
        }
        halves.convert_to_f32_slice(&mut floats);
        sum += query.iter().zip(&floats).map(|(one, other)| one * other).sum::<f32>();
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_close_to_the_product_of_floats() {
        let bytes = exact_bytes(&[0.6, -0.8, 0.0]);
        assert_eq!(bytes.len(), exact_size(3));
        assert!((similarity(&[0.6, -0.8, 1.0], &bytes) - 1.0).abs() < 1e-3);
        let long: Vec<f32> = (0..150).map(|number| number as f32 / 150.0).collect();
        let exact: f32 = long.iter().map(|number| number * number).sum();
        assert!((similarity(&long, &exact_bytes(&long)) - exact).abs() < 0.02);
    }
}
