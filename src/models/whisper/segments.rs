//! Splits the tokens of one window into segments, and determines where the next window starts.
//!
//! Follows the loop in openai-whisper's `transcribe.py`.

use std::ops::Range;

use crate::models::transcript::Segment;
use crate::models::vad::SpeechMap;

/// Mel frames per timestamp step of 0.02 s: the encoder halves the frames, and a timestamp is one of its positions.
pub(super) const FRAMES_PER_TIMESTAMP: usize = 2;

/// A segment inside a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// Its tokens in the window.
    pub tokens: Range<usize>,
    /// Start in mel frames from the start of the window.
    pub start: usize,
    /// End in mel frames from the start of the window.
    pub end: usize,
}

impl Segment {
    /// Maps the times from the concatenated speech to the recording. A segment with words gets the times of its words.
    pub(super) fn place(&mut self, map: &SpeechMap, sample_rate: u32) {
        for word in self.words.iter_mut().flatten() {
            (word.start, word.end) = map.word(word.start, word.end, sample_rate);
        }
        let words = self.words.as_deref().unwrap_or_default();
        (self.start, self.end) = match (words.first(), words.last()) {
            (Some(first), Some(last)) => (first.start, last.end.max(first.start)),
            _ => map.span(self.start, self.end, sample_rate),
        };
    }
}

/// Segments of a window whose tokens are `tokens`, and the number of mel frames to advance. `begin` is the token of
/// `<|0.00|>`, `window` the number of mel frames of the window that contain sound.
pub(super) fn cut(tokens: &[i64], begin: i64, window: usize) -> (Vec<Piece>, usize) {
    let is_timestamp = |at: usize| tokens[at] >= begin;
    let frames = |at: usize| (tokens[at] - begin).max(0) as usize * FRAMES_PER_TIMESTAMP;
    let count = tokens.len();
    let single_ending = ends_in_one_timestamp(tokens, begin);

    let mut ends: Vec<usize> = (1..count).filter(|&at| is_timestamp(at - 1) && is_timestamp(at)).collect();
    if !ends.is_empty() {
        if single_ending {
            ends.push(count);
        }
        let mut first = 0;
        let mut pieces = Vec::new();
        for end in ends {
            pieces.push(Piece { tokens: first..end, start: frames(first), end: frames(end - 1) });
            first = end;
        }
        // A single timestamp at the end means no speech after it; otherwise the rest after the last pair is decoded
        // again.
        let advance = if single_ending { window } else { frames(first - 1) };
        return (pieces, advance);
    }

    let last = (0..count).rev().find(|&at| is_timestamp(at)).map(frames);
    let end = last.filter(|&end| end > 0).unwrap_or(window);
    (vec![Piece { tokens: 0..count, start: 0, end }], window)
}

/// Whether the last token is a timestamp and the one before it is not: no speech follows.
pub(super) fn ends_in_one_timestamp(tokens: &[i64], begin: i64) -> bool {
    matches!(tokens, [.., text, time] if *text < begin && *time >= begin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::transcript::segment;
    use crate::models::vad::Stretch;

    /// `<|0.00|>`
    const T: i64 = 100;

    #[test]
    fn no_timestamps_is_one_piece_of_the_whole_window() {
        assert_eq!(cut(&[1, 2, 3], T, 700), (vec![Piece { tokens: 0..3, start: 0, end: 700 }], 700));
        assert_eq!(cut(&[], T, 700), (vec![Piece { tokens: 0..0, start: 0, end: 700 }], 700));
    }

    #[test]
    fn a_single_segment_ends_at_its_timestamp() {
        assert_eq!(cut(&[T, 1, 2, T + 150], T, 700), (vec![Piece { tokens: 0..4, start: 0, end: 300 }], 700));
    }

    #[test]
    fn pairs_cut_and_an_open_end_is_decoded_again() {
        let (pieces, advance) = cut(&[T, 1, T + 100, T + 100, 2, 3], T, 3000);
        assert_eq!(pieces, [Piece { tokens: 0..3, start: 0, end: 200 }]);
        assert_eq!(advance, 200);
    }

    #[test]
    fn a_pair_at_the_end_starts_the_next_window_there() {
        let (pieces, advance) = cut(&[T, 1, T + 100, T + 100], T, 3000);
        assert_eq!(pieces, [Piece { tokens: 0..3, start: 0, end: 200 }]);
        assert_eq!(advance, 200);
    }

    #[test]
    fn a_single_timestamp_at_the_end_closes_the_window() {
        let (pieces, advance) = cut(&[T, 1, T + 100, T + 120, 2, T + 500], T, 3000);
        assert_eq!(pieces[0], Piece { tokens: 0..3, start: 0, end: 200 });
        assert_eq!(pieces[1], Piece { tokens: 3..6, start: 240, end: 1000 });
        assert_eq!(advance, 3000);
    }

    #[test]
    fn words_decide_where_a_segment_lies() {
        // 5 s of speech from 1 s on, 4 s from 20 s on, at 100 Hz.
        let map = SpeechMap::new(&[(100, 600), (2_000, 2_400)].map(|(start, end)| Stretch { start, end }));
        let mut said = segment(4.6, 5.8, &[(" a", 4.6, 4.9, 0.9), (" b", 4.9, 5.3, 0.9), (" c", 5.3, 5.7, 0.9)]);
        said.place(&map, 100);
        let words: Vec<_> = said.words.iter().flatten().map(|word| (word.start, word.end)).collect();
        assert_eq!(words, [(5.6, 5.9), (20.0, 20.3), (20.3, 20.7)]);
        assert_eq!((said.start, said.end), (5.6, 20.7));
        let mut without = Segment { words: None, ..segment(0.5, 5.1, &[]) };
        without.place(&map, 100);
        assert_eq!((without.start, without.end), (1.5, 6.0));
    }
}
