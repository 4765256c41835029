//! Subtitles: SubRip and WebVTT.

use std::fmt::Write;

use edgefuse::models::whisper::Segment;

/// SubRip: numbered, with a comma before the milliseconds.
pub(super) fn srt(segments: &[Segment]) -> String {
    let mut text = String::new();
    for (number, segment) in segments.iter().enumerate() {
        let (start, end) = (time(segment.start, ','), time(segment.end, ','));
        let _ = write!(text, "{}\n{start} --> {end}\n{}\n\n", number + 1, cue(&segment.text));
    }
    text
}

/// WebVTT.
pub(super) fn vtt(segments: &[Segment]) -> String {
    let mut text = String::from("WEBVTT\n\n");
    for segment in segments {
        let (start, end) = (time(segment.start, '.'), time(segment.end, '.'));
        // WebVTT reads & and < as markup.
        let cue = cue(&segment.text).replace('&', "&amp;").replace('<', "&lt;");
        let _ = write!(text, "{start} --> {end}\n{cue}\n\n");
    }
    text
}

/// `HH:MM:SS.mmm`
pub(super) fn time(seconds: f64, point: char) -> String {
    let milliseconds = (seconds * 1000.0).round().max(0.0) as u64;
    let (hours, minutes) = (milliseconds / 3_600_000, milliseconds / 60_000 % 60);
    format!("{hours:02}:{minutes:02}:{:02}{point}{:03}", milliseconds / 1000 % 60, milliseconds % 1000)
}

/// An arrow in the text would be read as the start of a cue.
fn cue(text: &str) -> String {
    text.trim().replace("-->", "->")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(start: f64, end: f64, text: &str) -> Segment {
        Segment { start, end, text: text.to_string(), tokens: vec![], avg_logprob: 0.0, no_speech_prob: 0.0 }
    }

    #[test]
    fn writes_cues() {
        let segments = [segment(0.0, 3.5, " a --> b"), segment(3661.25, 3662.0, "c")];
        assert_eq!(
            srt(&segments),
            "1\n00:00:00,000 --> 00:00:03,500\na -> b\n\n2\n01:01:01,250 --> 01:01:02,000\nc\n\n"
        );
        assert!(vtt(&segments).starts_with("WEBVTT\n\n00:00:00.000 --> 00:00:03.500\na -> b\n\n"));
    }
}
