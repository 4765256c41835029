//! Subtitles, read back as a player reads them.

use edgefuse::models::transcript::{Segment, Word};

use super::bytes::Bytes;
use crate::cli;

/// A layout, then segments: their times, whether they have words, their texts.
pub(super) fn written(bytes: &[u8]) -> bool {
    let mut bytes = Bytes::new(bytes);
    let some = |number: u8| Some(usize::from(number)).filter(|number| *number > 0);
    let limits = [some(bytes.u8()), some(bytes.u8()), some(bytes.u8())];
    let highlight_words = bytes.u8() & 1 == 1;
    let mut segments = Vec::new();
    while !bytes.is_empty() {
        segments.push(segment(&mut bytes));
    }
    let written = cli::write(&segments, limits, highlight_words);
    let srt = cues(&written.srt, ',');
    for (at, cue) in srt.iter().enumerate() {
        assert_eq!(cue.number.parse(), Ok(at + 1), "the number of a cue");
    }
    let body = written.vtt.strip_prefix("WEBVTT\n\n").expect("the header");
    let vtt = cues(body, '.');
    assert_eq!(srt.len(), vtt.len(), "another number of cues");
    for cue in &vtt {
        assert!(cue.number.is_empty());
        let markup = cue.text.replace("<u>", "").replace("</u>", "");
        assert!(highlight_words || markup == cue.text, "markup: {:?}", cue.text);
        assert!(!markup.contains('<'), "markup: {:?}", cue.text);
    }
    let mut rows = written.tsv.strip_suffix('\n').expect("a last line").split('\n');
    assert_eq!(rows.next(), Some("start\tend\ttext"));
    let mut count = 0;
    for row in rows {
        let cells: Vec<&str> = row.split('\t').collect();
        assert!(cells.len() == 3 && cells[..2].iter().all(|cell| cell.parse::<u64>().is_ok()), "{row:?}");
        count += 1;
    }
    assert_eq!(count, segments.len(), "a row per segment");
    !srt.is_empty()
}

fn segment(bytes: &mut Bytes) -> Segment {
    let kind = bytes.u8();
    // Mostly plausible times, and any number at all.
    let time = |bytes: &mut Bytes| match kind & 2 {
        0 => f64::from(bytes.u16()) / 100.0,
        _ => bytes.f64(),
    };
    let (start, end) = (time(bytes), time(bytes));
    let words = (kind & 1 == 1).then(|| {
        let word = |bytes: &mut Bytes| {
            let (start, end) = (time(bytes), time(bytes));
            Word::new(bytes.text(), start, end, 0.5)
        };
        (0..kind >> 4).map(|_| word(bytes)).collect()
    });
    let mut segment = Segment::new(start, end, bytes.text());
    segment.channel = Some(usize::from(kind >> 2 & 1)).filter(|_| kind & 8 == 8);
    segment.words = words;
    segment
}

struct Cue<'a> {
    /// Nothing in WebVTT.
    number: &'a str,
    text: &'a str,
}

/// The cues of a file: a number, a line of times, text up to an empty line.
fn cues(file: &str, point: char) -> Vec<Cue<'_>> {
    let Some(file) = file.strip_suffix("\n\n") else {
        assert!(file.is_empty(), "no end: {file:?}");
        return Vec::new();
    };
    let cue = |block: &'_ str| -> (usize, usize) {
        let arrows = block.matches("-->").count();
        assert_eq!(arrows, 1, "{block:?}");
        let arrow = block.find(" --> ").expect("an arrow");
        let line_start = block[..arrow].rfind('\n').map_or(0, |at| at + 1);
        let line_end = block[arrow..].find('\n').map_or(block.len(), |at| arrow + at);
        for time in block[line_start..line_end].split(" --> ") {
            assert!(is_time(time, point), "{time:?}");
        }
        (line_start, line_end)
    };
    file.split("\n\n")
        .map(|block| {
            let (line_start, line_end) = cue(block);
            let text = block.get(line_end + 1..).expect("text");
            assert!(!text.trim().is_empty() && !text.contains('\r'), "{text:?}");
            Cue { number: block[..line_start].trim_end_matches('\n'), text }
        })
        .collect()
}

/// `HH:MM:SS,mmm`; the hours may be missing.
fn is_time(time: &str, point: char) -> bool {
    let Some((clock, fraction)) = time.split_once(point) else { return false };
    let digits = |text: &str| text.len() >= 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    fraction.len() == 3
        && digits(fraction)
        && (2..=3).contains(&clock.split(':').count())
        && clock.split(':').all(digits)
}
