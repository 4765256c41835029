//! Fuzzed parts of the program, which is not part of the library.

use edgefuse::models::transcript::Segment;

#[allow(dead_code, unused_imports, reason = "the program uses the rest")]
#[path = "../../src/subtitles/mod.rs"]
mod subtitles;

/// The same segments in every format.
pub struct Written {
    pub srt: String,
    pub vtt: String,
    pub tsv: String,
}

/// A layout with limits on line width, lines and words.
pub fn write(segments: &[Segment], [width, lines, words]: [Option<usize>; 3], highlight_words: bool) -> Written {
    let layout =
        subtitles::Layout { max_line_width: width, max_line_count: lines, max_words_per_line: words, highlight_words };
    Written {
        srt: subtitles::srt(segments, &layout),
        vtt: subtitles::vtt(segments, &layout),
        tsv: subtitles::tsv(segments),
    }
}
