//! Joins punctuation to the adjacent word.

use super::timing::WordTiming;
use crate::config::TranscribeOptions;

/// Which punctuation is joined to which word.
#[derive(Debug, Clone, Copy)]
pub struct Punctuation<'a> {
    /// Joined to the next word, if preceded by a space.
    pub prepended: &'a str,
    /// Joined to the previous word.
    pub appended: &'a str,
}

impl<'a> Punctuation<'a> {
    /// The punctuation set by `options`.
    pub fn of(options: &'a TranscribeOptions) -> Self {
        Punctuation { prepended: &options.prepend_punctuations, appended: &options.append_punctuations }
    }
}

/// Joins punctuation to its word, which keeps its times; the joined word remains, empty and without tokens.
///
/// After openai-whisper's `timing.py`, `merge_punctuations`.
pub(super) fn merge_punctuation(words: &mut [WordTiming], marks: Punctuation) {
    let mut following = words.len().saturating_sub(1);
    for at in (0..following).rev() {
        let word = &words[at].word;
        if word.starts_with(' ') && marks.prepended.contains(word.trim()) {
            let mark = std::mem::take(&mut words[at].word);
            words[following].word.insert_str(0, &mark);
            words[following].tokens += std::mem::take(&mut words[at].tokens);
        } else {
            following = at;
        }
    }
    let mut previous = 0;
    for at in 1..words.len() {
        if !words[previous].word.ends_with(' ') && marks.appended.contains(&words[at].word) {
            let mark = std::mem::take(&mut words[at].word);
            words[previous].word.push_str(&mark);
            words[previous].tokens += std::mem::take(&mut words[at].tokens);
        } else {
            previous = at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::timing::timed;
    use super::*;

    #[test]
    fn joins_marks_to_their_words() {
        let mut words = [" (", " \"", " Yes", "!", "\"", ",", " he", " -", "said"].map(|word| timed(word, 1, 0.0, 1.0));
        merge_punctuation(&mut words, Punctuation::of(&TranscribeOptions::default()));
        let found: Vec<(&str, usize)> = words.iter().map(|it| (it.word.as_str(), it.tokens)).collect();
        assert_eq!(
            found,
            [("", 0), ("", 0), (" ( \" Yes!\",", 6), ("", 0), ("", 0), ("", 0), (" he", 1), ("", 0), (" -said", 2)]
        );
    }

    #[test]
    fn accepts_few_words() {
        let options = TranscribeOptions::default();
        merge_punctuation(&mut [], Punctuation::of(&options));
        let mut one = [timed(".", 1, 0.0, 1.0)];
        merge_punctuation(&mut one, Punctuation::of(&options));
        assert_eq!(one[0].word, ".");
    }

    #[test]
    fn other_marks_can_be_named() {
        let mut words = [" ¡", " Ay", "!", "*"].map(|word| timed(word, 1, 0.0, 1.0));
        merge_punctuation(&mut words, Punctuation { prepended: "¡", appended: "*" });
        assert_eq!(words.map(|it| it.word), ["", " ¡ Ay", "!*", ""]);
    }
}
