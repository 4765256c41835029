//! Tab-separated values.

use std::fmt::Write;

use edgefuse::models::whisper::Segment;

use super::one_line;
use super::time::milliseconds;

/// A header, then a row a segment: start and end in milliseconds, text without tabs.
pub(in crate::cli) fn tsv(segments: &[Segment]) -> String {
    let mut text = String::from("start\tend\ttext\n");
    for segment in segments {
        let (start, end) = (milliseconds(segment.start), milliseconds(segment.end));
        let _ = writeln!(text, "{start}\t{end}\t{}", one_line(segment.text.trim()).replace('\t', " "));
    }
    text
}
