//! Live subtitles: each cue is written once it is final.

use edgefuse::models::transcript::Segment;

use super::Format;
use super::lines::Layout;
use super::srt::next_srt;
use super::tsv::{self, next_tsv};
use super::vtt::{self, next_vtt};

/// A growing file of subtitles.
pub struct Growing {
    format: Format,
    layout: Layout,
    /// Number of cues so far.
    written: usize,
}

impl Growing {
    /// An empty file.
    pub fn new(format: Format, layout: Layout) -> Self {
        Growing { format, layout, written: 0 }
    }

    /// Header of the file.
    pub fn header(&self) -> &'static str {
        match self.format {
            Format::Vtt => vtt::HEADER,
            Format::Tsv => tsv::HEADER,
            Format::Srt => "",
        }
    }

    /// The text to append for the next segment.
    pub fn next(&mut self, segment: &Segment) -> String {
        let segments = std::slice::from_ref(segment);
        match self.format {
            Format::Srt => next_srt(segments, &self.layout, &mut self.written),
            Format::Vtt => next_vtt(segments, &self.layout),
            Format::Tsv => next_tsv(segments),
        }
    }
}
