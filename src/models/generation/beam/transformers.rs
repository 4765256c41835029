//! The rules of transformers.

use super::{BeamPolicy, Candidate, Progress};
use crate::models::generation::logits::log_softmax;
use crate::models::generation::rules::LogitsRule;
use crate::models::generation::search::{Generated, length_normalised};

/// `_beam_search` in transformers 5's `generation/utils.py`: the rules change log-probabilities, which are not
/// normalised again; texts are compared by their sum over `length ^ length_penalty`, the end token counted.
#[derive(Debug, Clone, Copy)]
pub struct TransformersBeams {
    /// Beam width, at least 1.
    pub beams: usize,
    /// Positive values favour longer texts, negative ones shorter texts.
    pub length_penalty: f32,
    /// When to stop.
    pub early_stopping: EarlyStopping,
}

/// When beam search stops before the token limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EarlyStopping {
    /// If no unfinished text would beat the finished ones if it ended now (`False` in transformers).
    #[default]
    Heuristic,
    /// Once as many texts have ended as there are beams (`True`).
    Full,
    /// Once no unfinished text can still beat the finished ones (`"never"`).
    Never,
}

impl BeamPolicy for TransformersBeams {
    fn beams(&self) -> usize {
        self.beams
    }

    fn scores(&self, logits: &mut [f32], rules: &[&dyn LogitsRule], generated: &[i64]) {
        log_softmax(logits);
        rules.iter().for_each(|rule| rule.apply(logits, generated));
    }

    /// A finished text counts if it is among the `beams` best; at the limit every text ends. The `beams` best are kept.
    fn finish(
        &self,
        finished: &mut Vec<Generated>,
        ranked: &[Candidate],
        text: &dyn Fn(&Candidate) -> Generated,
        progress: Progress,
    ) {
        let best = ranked.iter().take(self.beams);
        let ended = best.filter(|it| (it.ends || progress.written == progress.limit) && it.score > f32::NEG_INFINITY);
        finished.extend(ended.map(|candidate| {
            let score = length_normalised(candidate.score, progress.written, self.length_penalty);
            Generated { score: Some(score), ..text(candidate) }
        }));
        finished.sort_by(|a, b| score(b).total_cmp(&score(a)));
        finished.truncate(self.beams);
    }

    fn is_done(&self, finished: &[Generated], running: f32, progress: Progress) -> bool {
        let Some(worst) = finished.get(self.beams.saturating_sub(1)) else { return false };
        let length = match self.early_stopping {
            EarlyStopping::Full => return true,
            EarlyStopping::Never if self.length_penalty > 0.0 => progress.limit,
            EarlyStopping::Heuristic | EarlyStopping::Never => progress.written,
        };
        length_normalised(running, length, self.length_penalty) <= score(worst)
    }

    fn complete(&self, _: &mut Vec<Generated>, _: Vec<Generated>) {}
}

fn score(text: &Generated) -> f32 {
    text.score.unwrap_or(f32::NEG_INFINITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: i64 = 9;

    fn policy(length_penalty: f32, early_stopping: EarlyStopping) -> TransformersBeams {
        TransformersBeams { beams: 2, length_penalty, early_stopping }
    }

    fn candidate(token: i64, score: f32) -> Candidate {
        Candidate { row: 0, token, score, log_probability: score, ends: token == END }
    }

    fn finish(policy: &TransformersBeams, finished: &mut Vec<Generated>, ranked: &[Candidate], written: usize) {
        let text = |candidate: &Candidate| Generated {
            tokens: vec![candidate.token],
            log_probability: candidate.log_probability,
            ended: candidate.ends,
            ..Generated::EMPTY
        };
        policy.finish(finished, ranked, &text, Progress { written, limit: 5 });
    }

    fn scores(finished: &[Generated]) -> Vec<f32> {
        finished.iter().map(score).collect()
    }

    #[test]
    fn an_end_counts_among_the_best_alone_and_the_best_ends_stay() {
        let policy = policy(1.0, EarlyStopping::Heuristic);
        let mut finished = Vec::new();
        let ranked = [candidate(5, -1.0), candidate(END, -2.0), candidate(END, -2.5), candidate(6, -3.0)];
        finish(&policy, &mut finished, &ranked, 2);
        assert_eq!(scores(&finished), [-1.0]);
        finish(&policy, &mut finished, &[candidate(END, -6.0), candidate(END, -1.5)], 3);
        assert_eq!(scores(&finished), [-0.5, -1.0], "the worst of three is dropped");
    }

    #[test]
    fn at_the_limit_every_text_ends() {
        let mut finished = Vec::new();
        let ranked = [candidate(5, -2.0), candidate(f32::MAX as i64, -3.0), candidate(END, -4.0)];
        finish(&policy(0.0, EarlyStopping::Never), &mut finished, &ranked, 5);
        assert_eq!(scores(&finished), [-2.0, -3.0]);
        assert!(finished.iter().all(|text| !text.ended));
    }

    #[test]
    fn stops_as_early_as_the_policy_says() {
        let text = |score| Generated { score: Some(score), ..Generated::EMPTY };
        let finished = [text(-0.5), text(-1.0)];
        let progress = Progress { written: 2, limit: 5 };
        let done = |penalty, stopping, running| policy(penalty, stopping).is_done(&finished, running, progress);
        // -3 over 2 tokens is worse than -1, but over 5 tokens it may become better.
        assert!(done(1.0, EarlyStopping::Heuristic, -3.0) && !done(1.0, EarlyStopping::Never, -3.0));
        assert!(done(0.0, EarlyStopping::Never, -3.0));
        assert!(done(1.0, EarlyStopping::Full, -0.1) && !done(1.0, EarlyStopping::Heuristic, -0.1));
        assert!(!policy(1.0, EarlyStopping::Full).is_done(&finished[..1], -9.0, progress));
    }
}
