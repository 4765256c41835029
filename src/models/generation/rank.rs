//! Log-probabilities of given texts, to choose the best of a list.

use std::ops::Range;

use super::Decoding;
use super::decoder::{Decoder, Kept};
use super::logits::{Logits, max_and_log_sum};
use super::source::Source;
use crate::engine::EngineError;

/// Maximum number of rows in one step: 64 times a vocabulary of 30,522 are 8 MB of logits.
const MOST_ROWS: usize = 64;

/// Maximum of rows times tokens fed per row. Bounds the caches (74 KB per token with BLIP base).
const MOST_CACHED: usize = 512;

/// The log-probability (natural logarithm) of each of `texts` after the tokens `start`, including `end` after the text.
/// `source` must have a single window.
///
/// Texts with a common prefix share its steps, as in a trie: a step has one row for each distinct prefix of its length.
/// Texts are processed in batches, so that memory does not grow with their number.
///
/// # Errors
/// [`EngineError`] if the graph fails.
pub fn log_probabilities<'a>(
    decoder: &'a Decoder,
    source: impl Into<Source<'a>>,
    start: &[i64],
    end: i64,
    texts: &[Vec<i64>],
) -> Result<Vec<f32>, EngineError> {
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by(|&a, &b| texts[a].cmp(&texts[b]));
    let sorted: Vec<&[i64]> = order.iter().map(|&at| texts[at].as_slice()).collect();

    let mut decoding = decoder.start(source)?;
    let logits = decoding.feed(start)?;
    let root = Root { kept: decoding.keep(0)?, logits };
    let mut found = vec![0.0; texts.len()];
    for batch in batches(&sorted, decoding.cached()) {
        let sums = walk(&mut decoding, &root, &sorted[batch.clone()], end)?;
        order[batch].iter().zip(sums).for_each(|(&at, sum)| found[at] = sum as f32);
    }
    Ok(found)
}

/// State that every text starts from.
struct Root {
    kept: Kept,
    logits: Logits,
}

/// Texts of a batch with a common prefix, and the row that holds this prefix.
struct Beginning {
    texts: Range<usize>,
    row: usize,
}

/// The summed log-probabilities of a batch of sorted texts, extended by one token at each step.
fn walk(decoding: &mut Decoding, root: &Root, texts: &[&[i64]], end: i64) -> Result<Vec<f64>, EngineError> {
    let mut sums = vec![0.0f64; texts.len()];
    let mut beginnings = vec![Beginning { texts: 0..texts.len(), row: 0 }];
    let mut stepped = None;
    for length in 0.. {
        let (mut next, mut rows, mut tokens) = (Vec::new(), Vec::new(), Vec::new());
        for beginning in &beginnings {
            let logits = stepped.as_ref().unwrap_or(&root.logits).row(beginning.row);
            let (max, log_sum) = max_and_log_sum(logits);
            let mut last = None;
            for at in beginning.texts.clone() {
                let token = texts[at].get(length).copied();
                let logit = usize::try_from(token.unwrap_or(end)).ok().and_then(|token| logits.get(token));
                sums[at] += logit.map_or(f64::NEG_INFINITY, |&logit| f64::from(logit - max - log_sum));
                let Some(token) = token else { continue };
                if last != Some(token) {
                    next.push(Beginning { texts: at..at, row: rows.len() });
                    rows.push(beginning.row);
                    tokens.push(token);
                    last = Some(token);
                }
                if let Some(beginning) = next.last_mut() {
                    beginning.texts.end = at + 1;
                }
            }
        }
        if next.is_empty() {
            break;
        }
        match length {
            0 => decoding.go_back(&root.kept, rows.len())?,
            _ => decoding.select(&rows)?,
        }
        stepped = Some(decoding.step(&tokens)?);
        beginnings = next;
    }
    Ok(sums)
}

/// Splits sorted texts, which share `before` positions, into batches whose steps fit the limits.
fn batches(sorted: &[&[i64]], before: usize) -> Vec<Range<usize>> {
    let mut batches: Vec<Range<usize>> = Vec::new();
    let mut rows: Vec<usize> = Vec::new();
    for (at, text) in sorted.iter().enumerate() {
        let mut shared = 0;
        let mut fits = false;
        if let Some(last) = batches.last().and_then(|batch| sorted[batch.clone()].last()) {
            shared = last.iter().zip(*text).take_while(|(a, b)| a == b).count();
            // The row at `depth` follows that many tokens of its own and the positions that all share.
            fits = (shared..text.len()).all(|depth| {
                let taken = rows.get(depth).copied().unwrap_or(0);
                taken < MOST_ROWS.min(MOST_CACHED / (depth + 1 + before)).max(1)
            });
        }
        if !fits {
            batches.push(at..at);
            rows.clear();
            shared = 0;
        }
        rows.resize(rows.len().max(text.len()), 0);
        rows[shared..text.len()].iter_mut().for_each(|rows| *rows += 1);
        if let Some(batch) = batches.last_mut() {
            batch.end = at + 1;
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_whole_and_bounded() {
        let mut texts: Vec<Vec<i64>> = (0..1_000).map(|n| vec![n % 200, n / 7, n]).collect();
        texts.push(vec![3; 400]);
        texts.push(vec![3; 500]);
        texts.push(Vec::new());
        texts.sort();
        let sorted: Vec<&[i64]> = texts.iter().map(Vec::as_slice).collect();
        let batches = batches(&sorted, 1);
        assert_eq!(batches.iter().cloned().flatten().collect::<Vec<_>>(), (0..sorted.len()).collect::<Vec<_>>());
        assert!(batches.len() < 40, "{}", batches.len());
        for batch in batches {
            for depth in 0..500 {
                let mut prefixes: Vec<&[i64]> =
                    sorted[batch.clone()].iter().filter_map(|it| it.get(..=depth)).collect();
                prefixes.dedup();
                let most = MOST_ROWS.min(MOST_CACHED / (depth + 2)).max(1);
                assert!(prefixes.len() <= most, "{} rows of {} tokens", prefixes.len(), depth + 1);
            }
        }
    }
}
