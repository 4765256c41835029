//! Logits and their softmax.

use crate::engine::{EngineError, Tensor};

/// The logits of the next token of each row, `[rows, vocabulary]`.
#[derive(Debug, Clone)]
pub struct Logits {
    values: Vec<f32>,
    vocabulary: usize,
}

impl Logits {
    /// Copies the logits of a tensor of whole rows.
    pub(super) fn new(tensor: &Tensor, vocabulary: usize) -> Result<Self, EngineError> {
        let view = tensor.view()?;
        let values = view.as_slice().map_or_else(|| view.iter().copied().collect(), <[f32]>::to_vec);
        Ok(Logits { values, vocabulary })
    }

    /// Logits of one row.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.vocabulary..][..self.vocabulary]
    }

    /// Logits of one row.
    pub fn row_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.values[row * self.vocabulary..][..self.vocabulary]
    }

    /// The rows listed in `rows`, which may list a row several times.
    pub(super) fn select(&self, rows: &[usize]) -> Self {
        let values = rows.iter().flat_map(|&row| self.row(row)).copied().collect();
        Logits { values, vocabulary: self.vocabulary }
    }
}

/// The softmax, in place: values in [0, 1] that sum to 1.
pub fn softmax(logits: &mut [f32]) {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    logits.iter_mut().for_each(|logit| *logit = (*logit - max).exp());
    // In f64, because 50,000 small terms lose digits in f32.
    let sum: f64 = logits.iter().map(|&value| f64::from(value)).sum();
    logits.iter_mut().for_each(|logit| *logit = (f64::from(*logit) / sum) as f32);
}

/// Logarithm of the softmax at one index.
pub(crate) fn log_probability(logits: &[f32], at: usize) -> f32 {
    let (max, log_sum) = max_and_log_sum(logits);
    logits[at] - max - log_sum
}

/// Logarithm of the softmax, in place.
pub(super) fn log_softmax(logits: &mut [f32]) {
    let (max, log_sum) = max_and_log_sum(logits);
    logits.iter_mut().for_each(|logit| *logit = *logit - max - log_sum);
}

/// `ln(sum(exp(x)))`, without overflow; minus infinity if `x` is empty or contains only minus infinity.
pub(crate) fn log_sum_exp(values: &[f32]) -> f32 {
    let (max, log_sum) = max_and_log_sum(values);
    max + log_sum
}

/// The largest value and `ln(sum(exp(x - max)))`, kept apart because their sum loses digits of the smaller.
pub(crate) fn max_and_log_sum(values: &[f32]) -> (f32, f32) {
    let max = largest(values);
    if max == f32::NEG_INFINITY {
        return (max, 0.0);
    }
    // 50,000 small terms would lose digits in f32; 16 lanes of f64 lose none and are still vectorised.
    let mut lanes = [0.0f64; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest: f64 = chunks.remainder().iter().map(|&value| f64::from(exp_below_zero(value - max))).sum();
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane += f64::from(exp_below_zero(value - max));
        }
    }
    let sum = lanes.iter().sum::<f64>() + rest;
    (max, sum.ln() as f32)
}

const LANES: usize = 16;

/// The largest value, computed in parallel lanes; minus infinity for an empty slice.
pub(crate) fn largest(values: &[f32]) -> f32 {
    let pick = |a: f32, b: f32| if b > a { b } else { a };
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest = chunks.remainder().iter().copied().fold(f32::NEG_INFINITY, pick);
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane = pick(*lane, value);
        }
    }
    lanes.into_iter().fold(rest, pick)
}

/// `exp(x)` for `x <= 0`, within 2e-7 of the value and without a branch, so that a loop over a vocabulary is
/// vectorised; the standard library's costs a tenth of a decoder step. 2^n * 2^f with integer n and |f| <= 0.5; 2^f by
/// its Taylor series.
fn exp_below_zero(x: f32) -> f32 {
    // Below this the result is smaller than any normal number; minus infinity ends up here too.
    const LOWEST: f32 = -87.0;
    // Adding and subtracting 1.5 * 2^23 rounds to an integer.
    const ROUND: f32 = 12_582_912.0;
    let x = if x > LOWEST { x } else { LOWEST };
    let power = x * std::f32::consts::LOG2_E;
    let whole = (power + ROUND) - ROUND;
    // The rounding error of `power` would be visible in the result: ln 2 in two parts (Cody and Waite).
    let rest = (x - whole * 0.693_359_4) + whole * 2.121_944_4e-4;
    // 1 + x + x^2/2 + ... + x^7/5040, starting with the last term.
    let terms = [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
    let series = terms.iter().fold(1.0 / 5040.0, |sum, term| sum * rest + term);
    let exponent = ((whole as i32) + 127) << 23;
    series * f32::from_bits(exponent as u32)
}

/// Index of the first maximum, as `argmax` of NumPy and PyTorch; 0 if empty. NaN is never chosen.
pub(crate) fn argmax(values: &[f32]) -> usize {
    let max = largest(values);
    values.iter().position(|&value| value == max).unwrap_or(0)
}

/// The `count` largest values with their indices, largest first; among equal values the first.
pub(crate) fn largest_first(values: &[f32], count: usize) -> Vec<(usize, f32)> {
    let mut best: Vec<(usize, f32)> = Vec::with_capacity(count + 1);
    for (at, &value) in values.iter().enumerate() {
        if best.len() == count && best.last().is_none_or(|&(_, least)| value <= least) {
            continue;
        }
        let place = best.partition_point(|&(_, kept)| kept >= value);
        best.insert(place, (at, value));
        best.truncate(count);
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_sums_to_one_and_does_not_overflow() {
        let mut values = [1000.0, 1001.0, f32::NEG_INFINITY];
        softmax(&mut values);
        assert!((values[1] - 0.731_058_6).abs() < 1e-6, "{values:?}");
        assert!((values.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert_eq!(values[2], 0.0);
    }

    #[test]
    fn the_fast_exponential_is_the_exponential() {
        for step in 0..870_000 {
            let x = -(step as f32) * 1e-4;
            let (found, exact) = (f64::from(exp_below_zero(x)), f64::from(x).exp());
            assert!((found - exact).abs() <= 2e-7 * exact, "{x}: {found} {exact}");
        }
        assert!(exp_below_zero(f32::NEG_INFINITY) < 1e-37);
        assert_eq!(exp_below_zero(0.0), 1.0);
    }

    #[test]
    fn argmax_chooses_the_first_and_never_a_nan() {
        assert_eq!(argmax(&[0.0, 2.0, 2.0]), 1);
        assert_eq!(argmax(&[f32::NAN, -1.0]), 1);
        assert_eq!(argmax(&[f32::NEG_INFINITY, f32::NEG_INFINITY]), 0);
        assert_eq!(argmax(&[]), 0);
        let mut many = vec![0.0; 100];
        (many[63], many[98]) = (5.0, 5.0);
        assert_eq!(argmax(&many), 63);
    }

    #[test]
    fn the_largest_come_in_order_and_of_equal_ones_the_first() {
        assert_eq!(largest_first(&[1.0, 3.0, 2.0, 3.0], 3), [(1, 3.0), (3, 3.0), (2, 2.0)]);
        assert_eq!(largest_first(&[1.0], 3), [(0, 1.0)]);
    }
}
