//! WebVTT.

use std::fmt::Write;

use edgefuse::models::transcript::Segment;

use super::cues::{Form, cues};
use super::lines::Layout;
use super::time::{Hours, clock};

/// Header of a file.
pub(super) const HEADER: &str = "WEBVTT\n\n";

/// A header, then cues, with hours only if nonzero.
pub fn vtt(segments: &[Segment], layout: &Layout) -> String {
    format!("{HEADER}{}", next_vtt(segments, layout))
}

/// Cues without the header.
pub(super) fn next_vtt(segments: &[Segment], layout: &Layout) -> String {
    let form = Form { time: |seconds| clock(seconds, Hours::Needed, '.'), escape };
    let mut text = String::new();
    for cue in cues(segments, layout, &form) {
        let _ = write!(text, "{} --> {}\n{}\n\n", cue.start, cue.end, cue.text);
    }
    text
}

/// Escapes `&` and `<`, which WebVTT reads as markup; openai-whisper leaves them.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
