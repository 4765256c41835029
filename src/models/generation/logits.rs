//! Rules on logits, and the softmax.

/// Changes the logits of the next token, `[vocabulary]`; a token that must not come gets minus infinity.
pub trait LogitsRule {
    /// `generated` holds the tokens written so far, without the prompt.
    fn apply(&self, logits: &mut [f32], generated: &[i64]);
}

/// Tokens that never come.
pub struct Suppress(pub Vec<i64>);

/// Tokens that never come first.
pub struct SuppressFirst(pub Vec<i64>);

impl LogitsRule for Suppress {
    fn apply(&self, logits: &mut [f32], _: &[i64]) {
        forbid(logits, &self.0);
    }
}

impl LogitsRule for SuppressFirst {
    fn apply(&self, logits: &mut [f32], generated: &[i64]) {
        if generated.is_empty() {
            forbid(logits, &self.0);
        }
    }
}

fn forbid(logits: &mut [f32], tokens: &[i64]) {
    for &token in tokens {
        if let Some(logit) = usize::try_from(token).ok().and_then(|token| logits.get_mut(token)) {
            *logit = f32::NEG_INFINITY;
        }
    }
}

/// The softmax, in place: values in [0, 1] that sum to 1.
pub fn softmax(logits: &mut [f32]) {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    logits.iter_mut().for_each(|logit| *logit = (*logit - max).exp());
    // In f64: 50,000 small terms lose digits in f32.
    let sum: f64 = logits.iter().map(|&value| f64::from(value)).sum();
    logits.iter_mut().for_each(|logit| *logit = (f64::from(*logit) / sum) as f32);
}

/// Logarithm of the softmax at one place.
pub(crate) fn log_probability(logits: &[f32], at: usize) -> f32 {
    let (max, log_sum) = max_and_log_sum(logits);
    logits[at] - max - log_sum
}

/// `ln(sum(exp(x)))`, without overflow; minus infinity for nothing, or nothing but minus infinity.
pub(crate) fn log_sum_exp(values: &[f32]) -> f32 {
    let (max, log_sum) = max_and_log_sum(values);
    max + log_sum
}

/// The largest value and `ln(sum(exp(x - max)))`. Kept apart: their sum loses the digits of the smaller.
fn max_and_log_sum(values: &[f32]) -> (f32, f32) {
    let max = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if max == f32::NEG_INFINITY {
        return (max, 0.0);
    }
    // In f64: 50,000 small terms lose digits in f32.
    let sum: f64 = values.iter().map(|&value| f64::from(value - max).exp()).sum();
    (max, sum.ln() as f32)
}

/// The first of the largest values, as `argmax` of NumPy and PyTorch; 0 for nothing. NaN is never chosen.
pub(crate) fn argmax(values: &[f32]) -> usize {
    let mut best = 0;
    for (at, value) in values.iter().enumerate() {
        if *value > values[best] || values[best].is_nan() {
            best = at;
        }
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
    fn argmax_takes_the_first_and_never_a_nan() {
        assert_eq!(argmax(&[0.0, 2.0, 2.0]), 1);
        assert_eq!(argmax(&[f32::NAN, -1.0]), 1);
        assert_eq!(argmax(&[f32::NEG_INFINITY, f32::NEG_INFINITY]), 0);
        assert_eq!(argmax(&[]), 0);
    }

    #[test]
    fn suppression_acts_where_it_should() {
        let mut logits = [1.0, 2.0, 3.0];
        Suppress(vec![2, 99, -1]).apply(&mut logits, &[5]);
        assert_eq!(logits, [1.0, 2.0, f32::NEG_INFINITY]);
        SuppressFirst(vec![0]).apply(&mut logits, &[5]);
        assert_eq!(logits[0], 1.0);
        SuppressFirst(vec![0]).apply(&mut logits, &[]);
        assert_eq!(logits[0], f32::NEG_INFINITY);
    }
}
