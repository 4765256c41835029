//! Assigns words to the segments they belong to.

use super::timing::{Durations, WordTiming};
use crate::models::transcript::{Segment, Word};

/// A first word that starts at least this many seconds before its segment, or a last word that ends as long after it,
/// is considered misplaced.
const TOLERANCE: f64 = 0.5;

/// A pause before a segment of this many median word durations makes its first words suspect.
const PAUSE: f64 = 4.0;

/// Assigns words to segments, and moves the start and end of each segment to them. `counts` are the numbers of text
/// tokens of the segments, which `words` use up in order; `offset` is the start of the window and `last_speech` the end
/// of the last word before it, in seconds of the recording.
///
/// After openai-whisper's `timing.py`, `add_word_timestamps`.
pub(super) fn place(
    words: &[WordTiming],
    segments: &mut [Segment],
    counts: &[usize],
    durations: Durations,
    offset: f64,
    mut last_speech: f64,
) {
    let mut words = words.iter();
    for (segment, &count) in segments.iter_mut().zip(counts) {
        let mut tokens = 0;
        let mut own = Vec::new();
        while tokens < count {
            let Some(timing) = words.next() else { break };
            tokens += timing.tokens;
            if !timing.word.is_empty() {
                own.push(Word {
                    word: timing.word.clone(),
                    start: hundredths(offset + timing.start),
                    end: hundredths(offset + timing.end),
                    probability: timing.probability,
                });
            }
        }
        if !own.is_empty() {
            shorten_after_pause(&mut own, durations, last_speech);
            settle_edges(segment, &mut own, durations.median);
            last_speech = segment.end;
        }
        segment.words = Some(own);
    }
}

/// Removes the pause before a segment from its first two words.
fn shorten_after_pause(words: &mut [Word], Durations { median, longest }: Durations, last_speech: f64) {
    let first = &words[0];
    let after_pause = first.end - last_speech > median * PAUSE;
    let two_too_long = words.get(1).is_some_and(|second| second.end - first.start > longest * 2.0);
    if !after_pause || !(first.end - first.start > longest || two_too_long) {
        return;
    }
    if let Some(second) = words.get_mut(1).filter(|second| second.end - second.start > longest) {
        let boundary = (second.end / 2.0).max(second.end - longest);
        second.start = boundary;
        words[0].end = boundary;
    }
    words[0].start = (words[0].end - longest).max(0.0);
}

/// Moves the segment to its words, or its outer words into the segment if they extend too far outside.
fn settle_edges(segment: &mut Segment, words: &mut [Word], median: f64) {
    let first = &mut words[0];
    if segment.start < first.end && segment.start - TOLERANCE > first.start {
        first.start = (first.end - median).min(segment.start).max(0.0);
    } else {
        segment.start = first.start;
    }
    let Some(last) = words.last_mut() else { return };
    if segment.end > last.start && segment.end + TOLERANCE < last.end {
        last.end = (last.start + median).max(segment.end);
    } else {
        segment.end = last.end;
    }
}

/// Rounded to 0.01 s, as the words of openai-whisper are.
fn hundredths(seconds: f64) -> f64 {
    (seconds * 100.0).round_ties_even() / 100.0
}
