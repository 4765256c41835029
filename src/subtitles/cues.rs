//! Cues: texts with display times.

use edgefuse::models::transcript::Segment;

use super::lines::{Layout, Placed, subtitles};
use super::one_line;

/// A text and its display times, formatted.
pub(super) struct Cue {
    pub start: String,
    pub end: String,
    pub text: String,
}

/// Formatting rules of a format.
pub(super) struct Form {
    /// Formats seconds.
    pub time: fn(f64) -> String,
    /// Escapes text, so that it is not interpreted as markup.
    pub escape: fn(&str) -> String,
}

/// The cues of `segments`: by words if they have any, otherwise one per segment. None is empty.
///
/// After openai-whisper's `utils.py`, `SubtitlesWriter.iterate_result`.
pub(super) fn cues(segments: &[Segment], layout: &Layout, form: &Form) -> Vec<Cue> {
    let mut cues = Vec::new();
    if segments.iter().any(|segment| segment.words.is_some()) {
        // A subtitle contains words of one channel only.
        for turn in segments.chunk_by(|before, after| before.channel == after.channel) {
            let first = cues.len();
            for subtitle in subtitles(turn, layout) {
                if layout.highlight_words {
                    highlighted(&subtitle, form, &mut cues);
                } else if let (Some(first), Some(last)) = (subtitle.first(), subtitle.last()) {
                    let text = texts(&subtitle, form).concat();
                    cues.push(Cue { start: (form.time)(first.word.start), end: (form.time)(last.word.end), text });
                }
            }
            let speaker = turn[0].speaker();
            cues[first..].iter_mut().for_each(|cue| cue.text.insert_str(0, &speaker));
        }
    } else {
        cues.extend(segments.iter().map(|segment| Cue {
            start: (form.time)(segment.start),
            end: (form.time)(segment.end),
            text: (form.escape)(&format!("{}{}", segment.speaker(), one_line(&segment.text).trim())),
        }));
    }
    cues.retain(|cue| !cue.text.trim().is_empty());
    for cue in &mut cues {
        // A blank word at the start of a line would leave an empty line, which ends a cue.
        cue.text.truncate(cue.text.trim_end_matches('\n').len());
        cue.text = without_arrows(&cue.text);
    }
    cues
}

/// Shortens long arrows, which would be read as the start of a cue.
fn without_arrows(text: &str) -> String {
    let mut short = String::with_capacity(text.len());
    for character in text.chars() {
        // All dashes but one are removed: replacing only `-->` in `--->` would leave another `-->`.
        while character == '>' && short.ends_with("--") {
            short.pop();
        }
        short.push(character);
    }
    short
}

/// A cue for each word, with that word underlined, and one for each pause between two words.
fn highlighted(subtitle: &[Placed], form: &Form, cues: &mut Vec<Cue>) {
    let texts = texts(subtitle, form);
    let mut last: Option<String> = None;
    for (at, placed) in subtitle.iter().enumerate() {
        let (start, end) = ((form.time)(placed.word.start), (form.time)(placed.word.end));
        if let Some(last) = last.filter(|last| *last != start) {
            cues.push(Cue { start: last, end: start.clone(), text: texts.concat() });
        }
        let mut shown = texts.clone();
        let word = texts[at].trim_start();
        let space = &texts[at][..texts[at].len() - word.len()];
        shown[at] = format!("{space}<u>{word}</u>");
        cues.push(Cue { start, end: end.clone(), text: shown.concat() });
        last = Some(end);
    }
}

fn texts(subtitle: &[Placed], form: &Form) -> Vec<String> {
    subtitle.iter().map(|placed| (form.escape)(&placed.text)).collect()
}
