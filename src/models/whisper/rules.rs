//! Whisper's rules on logits: suppressed tokens, and the order of timestamps.
//!
//! Follows openai-whisper's `decoding.py`: `SuppressBlank`, `SuppressTokens`, `ApplyTimestampRules`.

use crate::config::model_folder::WhisperSpec;
use crate::models::generation::{LogitsRule, Suppress, SuppressFirst, largest, log_sum_exp};

/// The first timestamp is at most this many tokens (1 s) into the window.
const MAX_INITIAL_TIMESTAMP: usize = 50;

/// The rules of one search.
pub(super) struct Rules {
    suppress_first: SuppressFirst,
    suppress: Suppress,
    timestamps: Option<TimestampRules>,
}

impl Rules {
    /// `suppressed` are the tokens that are never generated; -1 represents the model's own list.
    pub fn new(spec: &WhisperSpec, suppressed: &[i64], timestamps: bool) -> Self {
        let tokens = &spec.tokens;
        let mut never: Vec<i64> = suppressed.iter().copied().filter(|&token| token >= 0).collect();
        if suppressed.contains(&-1) {
            never.extend(&spec.generation.suppress);
        }
        // Tokens that may occur only in a prompt.
        never.extend([
            tokens.start_of_transcript,
            tokens.start_of_previous,
            // <|startoflm|> directly precedes <|startofprev|> in every Whisper vocabulary.
            tokens.start_of_previous - 1,
            tokens.translate,
            tokens.transcribe,
            tokens.no_speech,
        ]);
        Rules {
            // A space, and the end of the text.
            suppress_first: SuppressFirst(spec.generation.begin_suppress.clone()),
            suppress: Suppress(never),
            timestamps: timestamps.then(|| TimestampRules::new(spec)),
        }
    }

    /// In the order they are applied.
    pub fn list(&self) -> Vec<&dyn LogitsRule> {
        let mut list: Vec<&dyn LogitsRule> = vec![&self.suppress_first, &self.suppress];
        list.extend(self.timestamps.as_ref().map(|rules| rules as &dyn LogitsRule));
        list
    }
}

/// Timestamps come in pairs, never decrease, start the text, and are forced if they are more probable than any text.
struct TimestampRules {
    no_timestamps: usize,
    end_of_text: usize,
    begin: usize,
}

impl TimestampRules {
    fn new(spec: &WhisperSpec) -> Self {
        // Ids were checked against the vocabulary when model.yaml was read.
        TimestampRules {
            no_timestamps: spec.tokens.no_timestamps as usize,
            end_of_text: spec.tokens.end_of_text as usize,
            begin: spec.tokens.timestamp_begin as usize,
        }
    }
}

impl LogitsRule for TimestampRules {
    fn apply(&self, logits: &mut [f32], generated: &[i64]) {
        const NEVER: f32 = f32::NEG_INFINITY;
        logits[self.no_timestamps] = NEVER;

        let is_timestamp = |token: i64| token >= self.begin as i64;
        let last = generated.last().is_some_and(|&token| is_timestamp(token));
        let before = generated.len() < 2 || is_timestamp(generated[generated.len() - 2]);
        if last && before {
            logits[self.begin..].fill(NEVER);
        } else if last {
            logits[..self.end_of_text].fill(NEVER);
        }

        if let Some(latest) = generated.iter().rev().copied().find(|&token| is_timestamp(token)) {
            // A segment may start where the last one ended, but not end where it started.
            let next = if last && !before { latest } else { latest + 1 } as usize;
            let next = next.min(logits.len());
            logits[self.begin..next].fill(NEVER);
        }

        if generated.is_empty() {
            logits[..self.begin].fill(NEVER);
            let last_allowed = (self.begin + MAX_INITIAL_TIMESTAMP + 1).min(logits.len());
            logits[last_allowed..].fill(NEVER);
        }

        let (text, timestamps) = logits.split_at_mut(self.begin);
        if log_sum_exp(timestamps) > largest(text) {
            text.fill(NEVER);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEVER: f32 = f32::NEG_INFINITY;
    /// Text tokens 0..4, end of text 4, no-timestamps 5, timestamps 6...
    const RULES: TimestampRules = TimestampRules { end_of_text: 4, no_timestamps: 5, begin: 6 };

    fn applied(generated: &[i64], mut logits: [f32; 70]) -> [f32; 70] {
        RULES.apply(&mut logits, generated);
        logits
    }

    /// Text so probable that the last rule has no effect.
    fn text_ahead() -> [f32; 70] {
        let mut logits = [0.0; 70];
        logits[..5].fill(50.0);
        logits
    }

    #[test]
    fn starts_with_a_timestamp_of_at_most_one_second() {
        let logits = applied(&[], text_ahead());
        assert!(logits[..6].iter().all(|&logit| logit == NEVER));
        assert!(logits[6..=56].iter().all(|&logit| logit == 0.0));
        assert!(logits[57..].iter().all(|&logit| logit == NEVER));
    }

    #[test]
    fn text_follows_the_opening_timestamp() {
        let logits = applied(&[6], text_ahead());
        assert!(logits[6..].iter().all(|&logit| logit == NEVER));
        assert_eq!(logits[4], 50.0);
    }

    #[test]
    fn a_closing_timestamp_is_followed_by_the_same_or_a_later_one_or_the_end() {
        let logits = applied(&[6, 1, 10], text_ahead());
        assert!(logits[..4].iter().all(|&logit| logit == NEVER));
        assert_eq!(logits[4], 50.0);
        assert!(logits[6..10].iter().all(|&logit| logit == NEVER));
        assert!(logits[10..].iter().all(|&logit| logit == 0.0));
    }

    #[test]
    fn a_segment_has_a_duration() {
        let logits = applied(&[6, 1, 10, 10, 2], text_ahead());
        assert!(logits[6..=10].iter().all(|&logit| logit == NEVER));
        assert_eq!(logits[11], 0.0);
        assert_eq!(logits[1], 50.0);
    }

    #[test]
    fn timestamps_that_are_together_more_probable_win() {
        let mut logits = [0.0; 70];
        logits[1] = 2.0;
        let logits = applied(&[6, 1], logits);
        // 63 timestamps at 0 sum to ln 63 = 4.1.
        assert_eq!(logits[1], NEVER);
        assert_eq!(logits[7], 0.0);
    }
}
