//! Splits the tokens of one window into segments, and determines where the next window starts.
//!
//! Follows the loop in openai-whisper's `transcribe.py`.

use std::ops::Range;

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

/// Segments of a window with these `tokens`, and the number of mel frames to advance. `begin` is the token of
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
}
