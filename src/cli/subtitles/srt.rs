//! SubRip.

use std::fmt::Write;

use edgefuse::models::whisper::Segment;

use super::cues::{Form, cues};
use super::lines::Layout;
use super::time::{Hours, clock};

/// Numbered cues, with a comma before the milliseconds.
pub(in crate::cli) fn srt(segments: &[Segment], layout: &Layout) -> String {
    let form = Form { time: |seconds| clock(seconds, Hours::Always, ','), escape: str::to_string };
    let mut text = String::new();
    for (number, cue) in cues(segments, layout, &form).iter().enumerate() {
        let _ = write!(text, "{}\n{} --> {}\n{}\n\n", number + 1, cue.start, cue.end, cue.text);
    }
    text
}
