//! Log-probabilities of given texts, for choosing the best of a list.

use std::ops::Range;

use super::Decoding;
use super::decoder::{Decoder, Kept, Source};
use super::logits::{Logits, max_and_log_sum};
use crate::engine::EngineError;

/// Rows of one step, at most: 64 times a vocabulary of 30,522 are 8 MB of logits.
const MOST_ROWS: usize = 64;

/// Rows times the tokens each has behind it, at most: what bounds the caches (a token of BLIP base takes 74 KB).
const MOST_CACHED: usize = 512;

/// The log-probability (natural logarithm) of each of `texts` behind the tokens `start`, with that of `end` after it.
/// `source` is of a single window.
///
/// Texts that begin alike share the steps of their beginning, as in a trie: a step has one row for every beginning of
/// its length. They are taken a batch after the other, so that memory does not grow with their number.
///
/// # Errors
/// [`EngineError`] when the graph fails.
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

/// What every text starts from.
struct Root {
    kept: Kept,
    logits: Logits,
}

/// Texts of a batch that begin alike, and the row that holds this beginning.
struct Beginning {
    texts: Range<usize>,
    row: usize,
}

/// The sums of a batch of texts in order, one token further at each step.
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

/// Cuts sorted texts, behind `before` positions that all have in common, into batches of as many as their steps have room for.
fn batches(sorted: &[&[i64]], before: usize) -> Vec<Range<usize>> {
    let mut batches: Vec<Range<usize>> = Vec::new();
    let mut rows: Vec<usize> = Vec::new();
    for (at, text) in sorted.iter().enumerate() {
        let mut shared = 0;
        let mut fits = false;
        if let Some(last) = batches.last().and_then(|batch| sorted[batch.clone()].last()) {
            shared = last.iter().zip(*text).take_while(|(a, b)| a == b).count();
            // The row at `depth` has as many tokens behind it, its own, and what all have in common.
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
