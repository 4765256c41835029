//! The best way through a film: sentences in order, each with a stretch of its own.

use super::scores::Scores;

/// For each sentence its first moment and the one after its last. Stretches are in order and do not overlap, each has at least
/// one moment, and their scores are the highest possible in sum; moments of no sentence score 0. `None` if there are more
/// sentences than moments.
///
/// A state is a sentence or the time before or between sentences (Viterbi, over `2 n + 1` states).
pub(super) fn path(scores: &Scores) -> Option<Vec<(usize, usize)>> {
    let moments = scores.moments;
    let sentences = scores.numbers.len() / moments.max(1);
    if sentences == 0 || sentences > moments {
        return None;
    }
    let states = 2 * sentences + 1;
    // Odd states are sentences.
    let score = |state: usize, moment: usize| if state % 2 == 1 { scores.row(state / 2)[moment] } else { 0.0 };
    let mut best = vec![f32::NEG_INFINITY; states];
    (best[0], best[1]) = (score(0, 0), score(1, 0));
    // How many states back each state was entered from, two bits would do.
    let mut steps = vec![0u8; states * moments];
    for moment in 1..moments {
        let mut next = vec![f32::NEG_INFINITY; states];
        for state in 0..states {
            let mut chosen = (best[state], 0);
            // From one sentence straight to the next, or by way of a pause.
            let most = if state % 2 == 1 { 2 } else { 1 };
            for step in 1..=most.min(state) {
                if best[state - step] > chosen.0 {
                    chosen = (best[state - step], step);
                }
            }
            next[state] = chosen.0 + score(state, moment);
            steps[moment * states + state] = chosen.1 as u8;
        }
        best = next;
    }
    let (last, end) = (states - 1, states - 2);
    let mut state = if best[last] > best[end] { last } else { end };
    let mut stretches = vec![(moments, 0); sentences];
    for moment in (0..moments).rev() {
        if state % 2 == 1 {
            let (start, end) = &mut stretches[state / 2];
            (*start, *end) = (moment, (*end).max(moment + 1));
        }
        state -= usize::from(steps[moment * states + state]);
    }
    Some(stretches)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(rows: &[&[f32]]) -> Scores {
        Scores { moments: rows[0].len(), numbers: rows.concat() }
    }

    #[test]
    fn stretches_are_in_order_with_pauses() {
        let found = path(&scores(&[&[-1.0, 2.0, 2.0, -1.0, -1.0, -1.0], &[3.0, -1.0, -1.0, -1.0, 1.0, -1.0]]));
        // The second sentence fits the start best, but may not precede the first.
        assert_eq!(found, Some(vec![(1, 3), (4, 5)]));
        assert_eq!(path(&scores(&[&[-1.0], &[-1.0]])), None);
        assert_eq!(path(&scores(&[&[-1.0, -2.0], &[-1.0, -2.0]])), Some(vec![(0, 1), (1, 2)]));
        assert_eq!(path(&scores(&[&[-0.1; 3]])).map(|found| found[0].1 - found[0].0), Some(1));
    }

    /// All assignments of `sentences` in order to `moments`, by their total.
    fn exhaustive(scores: &Scores, sentence: usize, from: usize) -> f32 {
        let sentences = scores.numbers.len() / scores.moments;
        if sentence == sentences {
            return 0.0;
        }
        let mut best = f32::NEG_INFINITY;
        for start in from..scores.moments {
            for end in start + 1..=scores.moments {
                let own: f32 = scores.row(sentence)[start..end].iter().sum();
                best = best.max(own + exhaustive(scores, sentence + 1, end));
            }
        }
        best
    }

    #[test]
    fn no_other_way_is_better() {
        let mut random = fastrand::Rng::with_seed(8);
        for _ in 0..60 {
            let (count, moments) = (random.usize(1..4), random.usize(4..8));
            let numbers = (0..count * moments).map(|_| random.f32() - 0.5).collect();
            let scores = Scores { moments, numbers };
            let found = path(&scores).unwrap();
            let total: f32 = found
                .iter()
                .enumerate()
                .map(|(at, (start, end))| scores.row(at)[*start..*end].iter().sum::<f32>())
                .sum();
            assert!(found.iter().all(|(start, end)| start < end), "{found:?}");
            assert!(found.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{found:?}");
            assert!((total - exhaustive(&scores, 0, 0)).abs() < 1e-5);
        }
    }
}
