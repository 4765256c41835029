//! SubRip.

use std::fmt::Write;

use edgefuse::models::transcript::Segment;

use super::cues::{Form, cues};
use super::lines::Layout;
use super::time::{Hours, clock};

/// Numbered cues, with a comma before the milliseconds.
pub fn srt(segments: &[Segment], layout: &Layout) -> String {
    next_srt(segments, layout, &mut 0)
}

/// As [`srt`], for cues after the first `written`, which is incremented.
pub(super) fn next_srt(segments: &[Segment], layout: &Layout, written: &mut usize) -> String {
    let form = Form { time: |seconds| clock(seconds, Hours::Always, ','), escape: str::to_string };
    let mut text = String::new();
    for cue in cues(segments, layout, &form) {
        *written += 1;
        let _ = write!(text, "{written}\n{} --> {}\n{}\n\n", cue.start, cue.end, cue.text);
    }
    text
}
