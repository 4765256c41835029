//! Transcripts with times as files for players and spreadsheets: SubRip, WebVTT, tab-separated values.
//!
//! Reproduces the writers in openai-whisper's `utils.py` byte for byte, except for text that a format would
//! misinterpret: an arrow between two times, markup, a line break.

mod cues;
mod growing;
mod lines;
mod srt;
mod time;
mod tsv;
mod vtt;

pub use growing::Growing;
pub use lines::Layout;
pub use srt::srt;
pub use time::{Hours, clock};
pub use tsv::tsv;
pub use vtt::vtt;

/// A format of files with times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Srt,
    Vtt,
    Tsv,
}

impl Format {
    /// Its name on the command line, and its files' extension.
    pub fn name(self) -> &'static str {
        match self {
            Format::Srt => "srt",
            Format::Vtt => "vtt",
            Format::Tsv => "tsv",
        }
    }
}

/// Removes line breaks, which would end a row or (two of them) a cue.
fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use edgefuse::models::transcript::{Segment, Word};
    use serde_json::Value;

    use super::*;

    fn segments(value: &Value) -> Vec<Segment> {
        let number = |value: &Value| value.as_f64().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_string();
        let word = |value: &Value| Word::new(text(&value["word"]), number(&value["start"]), number(&value["end"]), 0.5);
        let segment = |value: &Value| {
            // As returned by `transcribe`.
            let mut segment = Segment::new(number(&value["start"]), number(&value["end"]), text(&value["text"]).trim());
            segment.words = value["words"].as_array().map(|words| words.iter().map(word).collect());
            segment
        };
        value.as_array().unwrap().iter().map(segment).collect()
    }

    /// scripts/dev.py make_fixtures_words writes the fixture.
    #[test]
    fn writes_what_openai_whisper_writes() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/words/subtitles.json");
        let fixture: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let cases = fixture["cases"].as_array().unwrap();
        assert!(cases.len() > 40, "only {} cases", cases.len());
        for case in cases {
            let transcript = segments(&fixture["transcripts"][case["transcript"].as_str().unwrap()]);
            let number = |key: &str| case["layout"][key].as_u64().map(|number| number as usize);
            let layout = Layout {
                max_line_width: number("max_line_width"),
                max_line_count: number("max_line_count"),
                max_words_per_line: number("max_words_per_line"),
                highlight_words: case["layout"]["highlight_words"] == true,
            };
            let found = match case["format"].as_str().unwrap() {
                "srt" => srt(&transcript, &layout),
                "vtt" => vtt(&transcript, &layout),
                _ => tsv(&transcript),
            };
            let about = format!("{} {} {}", case["transcript"], case["format"], case["layout"]);
            assert_eq!(found, case["text"].as_str().unwrap(), "{about}");
        }
    }

    /// One segment of these words, one second each.
    fn of_words(words: &[&str]) -> Vec<Segment> {
        let placed = words.iter().enumerate().map(|(at, word)| Word::new(*word, at as f64, at as f64 + 1.0, 0.5));
        let mut segment = Segment::new(0.0, words.len() as f64, words.concat().trim());
        segment.words = Some(placed.collect());
        vec![segment]
    }

    #[test]
    fn text_cannot_be_taken_for_the_format() {
        let mut spoken = of_words(&[" a", " --", ">", " b\n\nc", " <i>", " &"]);
        let highlight = Layout { highlight_words: true, ..Layout::default() };
        for text in [srt(&spoken, &Layout::default()), srt(&spoken, &highlight)] {
            let cues = text.matches(" --> ").count();
            assert_eq!(text.matches("-->").count(), cues, "{text}");
            assert_eq!(text.matches("\n\n").count(), cues, "{text}");
        }
        assert!(vtt(&spoken, &Layout::default()).contains("a -> b  c &lt;i> &amp;\n"));
        assert!(vtt(&spoken, &highlight).contains("<u>&lt;i></u>"));
        spoken[0].words = None;
        assert!(srt(&spoken, &Layout::default()).contains("\na -> b  c <i> &\n\n"));
        assert_eq!(tsv(&spoken), "start\tend\ttext\n0\t6000\ta --> b  c <i> &\n");
    }

    #[test]
    fn an_empty_text_yields_no_cue() {
        let mut silent = of_words(&[]);
        assert_eq!(srt(&silent, &Layout::default()), "");
        silent[0].words = None;
        assert_eq!(srt(&silent, &Layout::default()), "");
        assert_eq!(vtt(&[], &Layout::default()), "WEBVTT\n\n");
        assert_eq!(tsv(&[]), "start\tend\ttext\n");
    }

    #[test]
    fn a_stream_becomes_the_same_file_as_a_recording() {
        let segments: Vec<Segment> =
            [&[" one", " two"][..], &[], &[" three"]].iter().flat_map(|words| of_words(words)).collect();
        let layout = Layout::default();
        for (format, whole) in [
            (Format::Srt, srt(&segments, &layout)),
            (Format::Vtt, vtt(&segments, &layout)),
            (Format::Tsv, tsv(&segments)),
        ] {
            let mut growing = Growing::new(format, layout);
            let parts: String = segments.iter().map(|segment| growing.next(segment)).collect();
            assert_eq!(format!("{}{parts}", growing.header()), whole);
        }
    }
}
