//! Greedy decoding and sampling: each row independently chooses the most probable token or a random one.

use super::decoder::Decoding;
use super::logits::{Logits, argmax, log_probability, max_and_log_sum};
use super::search::{Generated, Search};
use crate::engine::EngineError;
use crate::support::request::Request;

/// Greedy search: generates one text for each row of `decoding`; `logits` are those of its next token.
///
/// # Errors
/// [`EngineError`] if the graph fails.
pub fn greedy(decoding: &mut Decoding, logits: Logits, search: &Search) -> Result<Vec<Generated>, EngineError> {
    write_rows(decoding, logits, search, argmax)
}

/// Samples `count` texts for each row of `decoding`, each token with its probability in the softmax of `logits /
/// temperature`. The texts of the first row come first. Log-probabilities are those at temperature 1.
///
/// # Errors
/// [`EngineError`] if the graph fails.
pub fn sample(
    decoding: &mut Decoding,
    logits: Logits,
    search: &Search,
    temperature: f32,
    count: usize,
    random: &mut fastrand::Rng,
) -> Result<Vec<Generated>, EngineError> {
    let rows: Vec<usize> = (0..decoding.rows()).flat_map(|row| std::iter::repeat_n(row, count)).collect();
    decoding.select(&rows)?;
    write_rows(decoding, logits.select(&rows), search, |logits| draw(logits, temperature, random))
}

/// One in so many rows must have ended before they leave: leaving copies what is left.
const LEAVE_TOGETHER: usize = 4;

/// Generates one text per row. A row whose text has ended is fed end tokens until it leaves the batch together with
/// others, if it can.
fn write_rows(
    decoding: &mut Decoding,
    mut logits: Logits,
    search: &Search,
    mut choose: impl FnMut(&[f32]) -> usize,
) -> Result<Vec<Generated>, EngineError> {
    let mut texts = vec![Generated::EMPTY; decoding.rows()];
    // The text of each row.
    let mut rows: Vec<usize> = (0..texts.len()).collect();
    let mut next = vec![search.ends.first().copied().unwrap_or(0); decoding.rows()];
    let caller = Request::current();
    for written in 1..=search.limit {
        for (row, &of) in rows.iter().enumerate() {
            let text = &mut texts[of];
            if text.ended {
                continue;
            }
            let logits = logits.row_mut(row);
            let unchanged = search.wants_unchanged().then(|| logits.to_vec());
            search.rules.iter().for_each(|rule| rule.apply(logits, &text.tokens));
            let chosen = choose(logits);
            let log_probability = log_probability(unchanged.as_deref().unwrap_or(logits), chosen);
            text.log_probability += log_probability;
            next[row] = chosen as i64;
            match search.ends.contains(&next[row]) {
                true => text.ended = true,
                false => {
                    text.tokens.push(next[row]);
                    text.log_probabilities.push(log_probability);
                    caller.report_token(next[row]);
                }
            }
        }
        if written == search.limit || texts.iter().all(|text| text.ended) {
            break;
        }
        let remaining: Vec<usize> = (0..rows.len()).filter(|&row| !texts[rows[row]].ended).collect();
        if remaining.len() * LEAVE_TOGETHER <= rows.len() * (LEAVE_TOGETHER - 1) && decoding.windows_can_leave() {
            decoding.leave(&remaining)?;
            next = remaining.iter().map(|&row| next[row]).collect();
            rows = remaining.iter().map(|&row| rows[row]).collect();
        }
        logits = decoding.step(&next)?;
    }
    Ok(texts)
}

/// Samples an index from the softmax of `logits / temperature`.
pub(crate) fn draw(logits: &[f32], temperature: f32, random: &mut fastrand::Rng) -> usize {
    let scaled: Vec<f32> = logits.iter().map(|logit| logit / temperature).collect();
    let (max, log_sum) = max_and_log_sum(&scaled);
    let mut left = random.f64();
    let mut last = 0;
    for (at, &value) in scaled.iter().enumerate().filter(|(_, value)| **value > f32::NEG_INFINITY) {
        left -= f64::from(value - max - log_sum).exp();
        last = at;
        if left < 0.0 {
            break;
        }
    }
    // If rounding leaves a remainder, the last index with a nonzero probability.
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_as_often_as_probable_and_never_what_is_forbidden() {
        let logits = [0.0, f32::NEG_INFINITY, 3.0f32.ln()];
        let mut random = fastrand::Rng::with_seed(1);
        let mut counts = [0; 3];
        (0..20_000).for_each(|_| counts[draw(&logits, 1.0, &mut random)] += 1);
        assert_eq!(counts[1], 0);
        assert!((4_700..5_300).contains(&counts[0]), "{counts:?}");
        // At half the temperature the odds are squared: 1 to 9.
        let mut cold = [0; 3];
        (0..20_000).for_each(|_| cold[draw(&logits, 0.5, &mut random)] += 1);
        assert!((1_750..2_250).contains(&cold[0]), "{cold:?}");
    }
}
