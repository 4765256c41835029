//! Skips silence and the words hallucinated in it.
//!
//! Follows openai-whisper's `transcribe.py`, option `hallucination_silence_threshold`.

use crate::models::transcript::{Segment, Word};

/// Mel frames in a second.
const FRAMES_PER_SECOND: f64 = 100.0;

/// Pieces of only punctuation are not judged.
const PUNCTUATION: &str = "\"'“¿([{-\"'.。,，!！?？:：”)]}、";

/// Number of words at the start of a segment that are judged.
const JUDGED_WORDS: usize = 8;

/// A window of a recording, in mel frames from its start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heard {
    /// First frame of the window.
    pub seek: usize,
    /// Number of its frames that contain sound.
    pub frames: usize,
    /// Number of frames of a whole window.
    pub whole: usize,
    /// Number of frames of the recording.
    pub content: usize,
    /// Whether the text ends in a single timestamp, which means that no speech follows.
    pub ends_in_one_timestamp: bool,
    /// End of the last word before the window, in seconds.
    pub last_speech: f64,
}

/// Verdict on a window.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// The remaining segments are kept; the next window starts at this frame, if any, otherwise where it would have.
    Keep(Option<usize>),
    /// The whole result is discarded; decoding resumes at this frame.
    Again(usize),
}

/// Judges the segments of a window, which must have words, and removes those that are probably hallucinated. Silence of
/// more than `threshold` seconds around them is skipped.
pub(super) fn judge(segments: &mut Vec<Segment>, heard: Heard, threshold: f64) -> Verdict {
    let offset = heard.seek as f64 / FRAMES_PER_SECOND;
    let window_end = (heard.seek + heard.whole) as f64 / FRAMES_PER_SECOND;
    let sound_end = offset + heard.frames as f64 / FRAMES_PER_SECOND;
    let mut next = None;
    if !heard.ends_in_one_timestamp
        && let Some(end) = super::words::last_end(segments).filter(|end| *end > offset)
    {
        next = Some(match window_end - end > threshold {
            true => frame(end),
            false => heard.seek + heard.frames,
        });
    }
    // Silence before a first segment that may be hallucinated.
    if let Some(first) = next_with_words(segments).filter(|first| is_anomalous(Some(first))) {
        let gap = first.start - offset;
        if gap > threshold {
            return Verdict::Again(heard.seek + frame(gap));
        }
    }
    // A segment that may be hallucinated, between silence or others of its kind.
    let mut last_end = heard.last_speech;
    for at in 0..segments.len() {
        let segment = &segments[at];
        if words(segment).is_empty() {
            continue;
        }
        if is_anomalous(Some(segment)) {
            let following = next_with_words(&segments[at + 1..]);
            let next_start = following.map_or(sound_end, |segment| words(segment)[0].start);
            let silence_before =
                segment.start - last_end > threshold || segment.start < threshold || segment.start - offset < 2.0;
            let silence_after =
                next_start - segment.end > threshold || is_anomalous(following) || window_end - segment.end < 2.0;
            if silence_before && silence_after {
                let rest = heard.content as f64 / FRAMES_PER_SECOND - segment.end;
                next = Some(match rest < threshold {
                    true => heard.content,
                    false => frame((offset + 1.0).max(segment.start)),
                });
                segments.truncate(at);
                break;
            }
        }
        last_end = segments[at].end;
    }
    Verdict::Keep(next)
}

/// Rounded as Python does.
fn frame(seconds: f64) -> usize {
    (seconds * FRAMES_PER_SECOND).round_ties_even() as usize
}

fn words(segment: &Segment) -> &[Word] {
    segment.words.as_deref().unwrap_or_default()
}

fn next_with_words(segments: &[Segment]) -> Option<&Segment> {
    segments.iter().find(|segment| !words(segment).is_empty())
}

/// Score for words that are improbable, very short or very long.
fn anomaly(word: &Word) -> f64 {
    let duration = word.end - word.start;
    let mut score = 0.0;
    if word.probability < 0.15 {
        score += 1.0;
    }
    if duration < 0.133 {
        score += (0.133 - duration) * 15.0;
    }
    if duration > 2.0 {
        score += duration - 2.0;
    }
    score
}

fn is_anomalous(segment: Option<&Segment>) -> bool {
    let Some(segment) = segment.filter(|segment| !words(segment).is_empty()) else { return false };
    let judged: Vec<&Word> =
        words(segment).iter().filter(|word| !PUNCTUATION.contains(&word.word)).take(JUDGED_WORDS).collect();
    let score: f64 = judged.iter().map(|word| anomaly(word)).sum();
    score >= 3.0 || score + 0.01 >= judged.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::transcript::segment;

    const WINDOW: Heard =
        Heard { seek: 0, frames: 3_000, whole: 3_000, content: 6_000, ends_in_one_timestamp: true, last_speech: 0.0 };

    fn sound(start: f64) -> Segment {
        segment(start, start + 1.0, &[(" real", start, start + 0.5, 0.9), (" words", start + 0.5, start + 1.0, 0.8)])
    }

    fn made_up(start: f64) -> Segment {
        segment(start, start + 0.1, &[(" Thank", start, start + 0.05, 0.1), (" you.", start + 0.05, start + 0.1, 0.1)])
    }

    #[test]
    fn words_are_judged_by_probability_and_length() {
        let word = |length: f64, probability| Word { word: " a".to_string(), start: 0.0, end: length, probability };
        assert_eq!(anomaly(&word(0.5, 0.9)), 0.0);
        assert_eq!(anomaly(&word(0.5, 0.1)), 1.0);
        assert!((anomaly(&word(0.033, 0.9)) - 1.5).abs() < 1e-9);
        assert_eq!(anomaly(&word(3.5, 0.1)), 2.5);
        assert!(is_anomalous(Some(&made_up(3.0))) && !is_anomalous(Some(&sound(3.0))));
        assert!(!is_anomalous(None) && !is_anomalous(Some(&segment(0.0, 1.0, &[]))));
        // Only punctuation: nothing to judge.
        assert!(is_anomalous(Some(&segment(0.0, 1.0, &[(",", 0.0, 0.5, 0.9)]))));
    }

    #[test]
    fn silence_before_a_made_up_first_segment_is_skipped() {
        let mut segments = vec![made_up(5.0)];
        assert_eq!(judge(&mut segments, WINDOW, 2.0), Verdict::Again(500));
        let mut later = vec![made_up(35.25)];
        assert_eq!(judge(&mut later, Heard { seek: 3_000, ..WINDOW }, 2.0), Verdict::Again(3_525));
    }

    #[test]
    fn a_made_up_segment_between_silence_is_dropped_with_what_follows() {
        let mut segments = vec![sound(0.0), made_up(10.0), sound(20.0)];
        assert_eq!(judge(&mut segments, WINDOW, 2.0), Verdict::Keep(Some(1_000)));
        assert_eq!(segments, [sound(0.0)]);
        // Only silence follows: the recording is done.
        let mut segments = vec![sound(0.0), made_up(28.0)];
        assert_eq!(judge(&mut segments, Heard { content: 3_000, ..WINDOW }, 2.0), Verdict::Keep(Some(3_000)));
        assert_eq!(segments.len(), 1);
        // Speech is close by, so it is kept.
        let mut segments = vec![sound(5.0), made_up(6.5), sound(7.0)];
        assert_eq!(judge(&mut segments, WINDOW, 2.0), Verdict::Keep(None));
        assert_eq!(segments.len(), 3);
    }

    #[test]
    fn an_open_end_is_heard_again_only_after_silence() {
        let open = Heard { ends_in_one_timestamp: false, ..WINDOW };
        assert_eq!(judge(&mut vec![sound(3.0)], open, 2.0), Verdict::Keep(Some(400)));
        assert_eq!(judge(&mut vec![sound(28.0)], open, 2.0), Verdict::Keep(Some(3_000)));
    }
}
