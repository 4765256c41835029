//! Tab-separated values.

use std::fmt::Write;

use edgefuse::models::transcript::Segment;

use super::one_line;
use super::time::milliseconds;

/// Header of a file.
pub(super) const HEADER: &str = "start\tend\ttext\n";

/// A header, then one row per segment: start and end in milliseconds, text without tabs.
pub fn tsv(segments: &[Segment]) -> String {
    format!("{HEADER}{}", next_tsv(segments))
}

/// Rows without the header.
pub(super) fn next_tsv(segments: &[Segment]) -> String {
    let mut text = String::new();
    for segment in segments {
        let (start, end) = (milliseconds(segment.start), milliseconds(segment.end));
        let _ =
            writeln!(text, "{start}\t{end}\t{}{}", segment.speaker(), one_line(segment.text.trim()).replace('\t', " "));
    }
    text
}
