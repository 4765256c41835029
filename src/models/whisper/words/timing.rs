//! A word with its tokens and its time, before it is assigned to a segment.

/// A word of a window.
#[derive(Debug, Clone, PartialEq)]
pub struct WordTiming {
    /// The text, including the leading space; empty once it has been joined to a neighbour.
    pub word: String,
    /// Number of tokens; 0 once they have been joined to a neighbour's.
    pub tokens: usize,
    /// Seconds from the start of the window.
    pub start: f64,
    /// Seconds from the start of the window.
    pub end: f64,
    /// Mean probability of the tokens, in [0, 1].
    pub probability: f32,
}

/// Punctuation that ends a sentence.
const SENTENCE_ENDS: &str = ".。!！?？";

/// Maximum of the median word duration in seconds: with few words, some of them drawn out, the median is unreliable.
const LONGEST_MEDIAN: f64 = 0.7;

/// Durations of words, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Durations {
    /// The median of the nonzero durations, at most 0.7 s; 0 if there are none.
    pub median: f64,
    /// Twice the median; longer words are assumed to contain silence.
    pub longest: f64,
}

impl WordTiming {
    /// Duration in seconds.
    fn duration(&self) -> f64 {
        self.end - self.start
    }

    fn ends_sentence(&self) -> bool {
        SENTENCE_ENDS.contains(&self.word)
    }
}

impl Durations {
    /// Durations of `words`.
    pub fn of(words: &[WordTiming]) -> Self {
        let mut durations: Vec<f64> =
            words.iter().map(WordTiming::duration).filter(|&seconds| seconds != 0.0).collect();
        durations.sort_unstable_by(f64::total_cmp);
        let middle = durations.len() / 2;
        let median = match durations.len() {
            0 => 0.0,
            count if count % 2 == 1 => durations[middle],
            _ => (durations[middle - 1] + durations[middle]) / 2.0,
        };
        let median = median.min(LONGEST_MEDIAN);
        Durations { median, longest: median * 2.0 }
    }
}

/// Shortens words that are too long next to the end of a sentence: the silence between sentences belongs to neither.
pub(super) fn trim_at_sentence_ends(words: &mut [WordTiming], durations: Durations) {
    if durations.median == 0.0 {
        return;
    }
    for at in 1..words.len() {
        let (before, word) = (&words[at - 1], &words[at]);
        if word.duration() > durations.longest {
            if word.ends_sentence() {
                words[at].end = word.start + durations.longest;
            } else if before.ends_sentence() {
                words[at].start = word.end - durations.longest;
            }
        }
    }
}

#[cfg(test)]
pub(super) fn timed(word: &str, tokens: usize, start: f64, end: f64) -> WordTiming {
    WordTiming { word: word.to_string(), tokens, start, end, probability: 0.5 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_of_words_that_take_time() {
        let words = [timed("a", 1, 0.0, 0.0), timed("b", 1, 0.0, 0.25), timed("c", 1, 1.0, 1.75)];
        assert_eq!(Durations::of(&words), Durations { median: 0.5, longest: 1.0 });
        assert_eq!(Durations::of(&words[2..]), Durations { median: 0.7, longest: 1.4 });
        assert_eq!(Durations::of(&words[..1]), Durations { median: 0.0, longest: 0.0 });
    }

    #[test]
    fn silence_between_sentences_belongs_to_none() {
        let durations = Durations { median: 0.25, longest: 0.5 };
        let mut words = [timed(" Yes", 1, 0.0, 0.25), timed(".", 1, 0.25, 2.0), timed(" No", 1, 2.0, 4.0)];
        trim_at_sentence_ends(&mut words, durations);
        assert_eq!((words[1].start, words[1].end), (0.25, 0.75));
        assert_eq!((words[2].start, words[2].end), (3.5, 4.0));
    }
}
