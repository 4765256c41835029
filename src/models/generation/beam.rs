//! Beam search, after `BeamSearchDecoder` in openai-whisper's `decoding.py`, with patience (Kasai et al. 2022,
//! arXiv:2204.05424).

use super::decoder::Decoding;
use super::logits::{Logits, largest_first, max_and_log_sum};
use super::search::{Generated, Search};
use crate::engine::EngineError;

/// A text that may go on.
#[derive(Clone)]
struct Beam {
    tokens: Vec<i64>,
    log_probability: f32,
}

/// A text one token longer.
struct Candidate {
    /// The row it goes on from.
    row: usize,
    token: i64,
    log_probability: f32,
}

/// Searches with `beams` texts side by side for each window of `decoding`, which must have one row a window. A window is
/// done when `round(beams * patience)` of its texts have ended. Gives each window's candidates, `beams` or more.
///
/// # Errors
/// [`EngineError`] when the graph fails.
pub fn beam_search(
    decoding: &mut Decoding,
    mut logits: Logits,
    search: &Search,
    beams: usize,
    patience: f32,
) -> Result<Vec<Vec<Generated>>, EngineError> {
    let enough = ((beams as f32 * patience).round() as usize).max(1);
    let windows = decoding.rows();
    let mut running = vec![vec![Beam { tokens: Vec::new(), log_probability: 0.0 }]; windows];
    let mut finished: Vec<Vec<Generated>> = vec![Vec::new(); windows];
    for written in 1..=search.limit {
        let (mut rows, mut tokens) = (Vec::new(), Vec::new());
        let mut next_first = 0;
        for (running, finished) in running.iter_mut().zip(&mut finished) {
            let first = next_first;
            next_first += running.len();
            let (ended, kept) = keep(candidates(running, first, &mut logits, search, beams), search.end, beams);
            for candidate in ended.iter().take(enough.saturating_sub(finished.len())) {
                let tokens = running[candidate.row - first].tokens.clone();
                finished.push(Generated { tokens, log_probability: candidate.log_probability, ended: true });
            }
            let longer = kept.iter().map(|candidate| {
                let mut tokens = running[candidate.row - first].tokens.clone();
                tokens.push(candidate.token);
                Beam { tokens, log_probability: candidate.log_probability }
            });
            *running = longer.collect();
            rows.extend(kept.iter().map(|candidate| candidate.row));
            tokens.extend(kept.iter().map(|candidate| candidate.token));
        }
        if written == search.limit || finished.iter().all(|finished| finished.len() >= enough) {
            break;
        }
        decoding.select(&rows)?;
        logits = decoding.step(&tokens)?;
    }
    for (running, finished) in running.into_iter().zip(&mut finished) {
        let mut unfinished = running;
        unfinished.sort_by(|a, b| b.log_probability.total_cmp(&a.log_probability));
        let missing = beams.saturating_sub(finished.len());
        finished.extend(unfinished.into_iter().take(missing).map(|beam| Generated {
            tokens: beam.tokens,
            log_probability: beam.log_probability,
            ended: false,
        }));
    }
    Ok(finished)
}

/// The ways to go on from a window's texts, whose rows begin with `first`: the `beams + 1` best of each, so that enough
/// are left where one ends the text. The best first.
fn candidates(running: &[Beam], first: usize, logits: &mut Logits, search: &Search, beams: usize) -> Vec<Candidate> {
    let mut candidates = Vec::with_capacity(running.len() * (beams + 1));
    for (row, beam) in (first..).zip(running) {
        let logits = logits.row_mut(row);
        search.rules.iter().for_each(|rule| rule.apply(logits, &beam.tokens));
        let (max, log_sum) = max_and_log_sum(logits);
        candidates.extend(largest_first(logits, beams + 1).into_iter().map(|(token, logit)| Candidate {
            row,
            token: token as i64,
            log_probability: beam.log_probability + (logit - max - log_sum),
        }));
    }
    candidates.sort_by(|a, b| b.log_probability.total_cmp(&a.log_probability));
    candidates
}

/// The candidates that end their text and are better than the last one that is kept, and the `beams` best others.
fn keep(candidates: Vec<Candidate>, end: i64, beams: usize) -> (Vec<Candidate>, Vec<Candidate>) {
    let (mut ended, mut kept) = (Vec::new(), Vec::with_capacity(beams));
    for candidate in candidates {
        if candidate.token == end {
            ended.push(candidate);
        } else {
            kept.push(candidate);
            if kept.len() == beams {
                break;
            }
        }
    }
    (ended, kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(row: usize, token: i64, log_probability: f32) -> Candidate {
        Candidate { row, token, log_probability }
    }

    #[test]
    fn an_end_worse_than_the_last_beam_kept_does_not_count() {
        let ranked = vec![candidate(0, 5, -1.0), candidate(0, 9, -2.0), candidate(1, 6, -3.0), candidate(1, 9, -4.0)];
        let (ended, kept) = keep(ranked, 9, 2);
        assert_eq!(ended.iter().map(|it| it.log_probability).collect::<Vec<_>>(), [-2.0]);
        assert_eq!(kept.iter().map(|it| it.token).collect::<Vec<_>>(), [5, 6]);
    }
}
