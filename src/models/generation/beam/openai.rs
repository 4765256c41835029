//! The rules of openai-whisper.

use super::{BeamPolicy, Candidate, Progress};
use crate::models::generation::logits::log_softmax;
use crate::models::generation::rules::LogitsRule;
use crate::models::generation::search::Generated;

/// `BeamSearchDecoder` in openai-whisper's `decoding.py`, with patience (Kasai et al. 2022, arXiv:2204.05424): the
/// rules change logits, and a window is done when `round(beams * patience)` of its texts have ended.
#[derive(Debug, Clone, Copy)]
pub struct OpenAiBeams {
    /// Beam width, at least 1.
    pub beams: usize,
    /// Greater than 0.
    pub patience: f32,
}

impl OpenAiBeams {
    fn enough(&self) -> usize {
        ((self.beams as f32 * self.patience).round() as usize).max(1)
    }
}

impl BeamPolicy for OpenAiBeams {
    fn beams(&self) -> usize {
        self.beams
    }

    fn scores(&self, logits: &mut [f32], rules: &[&dyn LogitsRule], generated: &[i64]) {
        rules.iter().for_each(|rule| rule.apply(logits, generated));
        log_softmax(logits);
    }

    /// A finished text counts if it is better than the last unfinished one that is kept.
    fn finish(
        &self,
        finished: &mut Vec<Generated>,
        ranked: &[Candidate],
        text: &dyn Fn(&Candidate) -> Generated,
        _: Progress,
    ) {
        let mut kept = 0;
        for candidate in ranked {
            if !candidate.ends {
                kept += 1;
            } else if finished.len() < self.enough() {
                finished.push(text(candidate));
            }
            if kept == self.beams {
                break;
            }
        }
    }

    fn is_done(&self, finished: &[Generated], _: f32, _: Progress) -> bool {
        finished.len() >= self.enough()
    }

    fn complete(&self, finished: &mut Vec<Generated>, mut running: Vec<Generated>) {
        running.sort_by(|a, b| b.log_probability.total_cmp(&a.log_probability));
        let missing = self.beams.saturating_sub(finished.len());
        finished.extend(running.into_iter().take(missing));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(token: i64, score: f32) -> Candidate {
        Candidate { row: 0, token, score, log_probability: score, ends: token == 9 }
    }

    #[test]
    fn an_end_worse_than_the_last_beam_kept_does_not_count() {
        let ranked = [candidate(5, -1.0), candidate(9, -2.0), candidate(6, -3.0), candidate(9, -4.0)];
        let text = |candidate: &Candidate| Generated {
            tokens: vec![1],
            log_probability: candidate.log_probability,
            ended: candidate.ends,
            ..Generated::EMPTY
        };
        let mut finished = Vec::new();
        let policy = OpenAiBeams { beams: 2, patience: 1.0 };
        policy.finish(&mut finished, &ranked, &text, Progress { written: 2, limit: 9 });
        assert_eq!(finished.iter().map(|it| it.log_probability).collect::<Vec<_>>(), [-2.0]);
    }
}
