//! Word timestamps, and the formats made of times.

use std::fs;

use crate::binary::{damaged_model, data, tiny};
use serde_json::Value;

const SPEECH: &str = "librivox-0870.wav";

/// What the tiny model generates for it, up to 1.5, 3.0 and 4.5 s.
const SEGMENTS: usize = 3;

/// The words generated for it. With word timestamps the next window begins elsewhere, so the words differ.
fn words(timestamps: &str) -> Vec<String> {
    let line: Value = serde_json::from_str(&transcribed(&["--format", "json", "--timestamps", timestamps])).unwrap();
    let text = line["transcript"]["text"].as_str().unwrap();
    let words: Vec<String> = text.split_whitespace().map(str::to_string).collect();
    assert!(words.len() > 5, "{text}");
    words
}

/// Standard output of `transcribe` with these options.
#[track_caller]
fn transcribed(options: &[&str]) -> String {
    let speech = data(SPEECH);
    tiny(["--quiet", "transcribe"].iter().chain(options).chain([&speech.as_str()])).expect(0).stdout
}

#[test]
fn words_have_times_where_they_are_asked_for() {
    let line: Value = serde_json::from_str(&transcribed(&["--format", "json", "--timestamps", "word"])).unwrap();
    let segments = line["transcript"]["segments"].as_array().unwrap();
    let timed: Vec<&Value> = segments.iter().flat_map(|segment| segment["words"].as_array().unwrap()).collect();
    assert_eq!(timed.len(), words("word").len(), "{line}");
    let text: String = timed.iter().map(|word| word["word"].as_str().unwrap()).collect();
    assert_eq!(text.trim(), line["transcript"]["text"].as_str().unwrap());
    let mut last = 0.0;
    for word in timed {
        let number = |key: &str| word[key].as_f64().unwrap();
        // A word may have no duration at all, as in openai-whisper.
        assert!(last <= number("start") && number("start") <= number("end") && number("end") <= 7.2, "{line}");
        assert!((0.0..=1.0).contains(&number("probability")), "{line}");
        last = number("start");
    }

    let line: Value = serde_json::from_str(&transcribed(&["--format", "json"])).unwrap();
    assert!(line["transcript"]["segments"][0].get("words").is_none(), "{line}");
}

#[test]
fn text_has_a_line_a_word_or_a_segment() {
    let text = transcribed(&["--timestamps", "word"]);
    for (line, word) in text.lines().zip(words("word")) {
        assert!(line.starts_with("[00:00:0") && line.ends_with(&format!("] {word}")), "{line}");
    }
    assert_eq!(text.lines().count(), words("word").len(), "{text}");
    let text = transcribed(&["--timestamps", "segment"]);
    assert_eq!(text.lines().count(), SEGMENTS, "{text}");
    assert!(text.starts_with("[00:00:00.000 --> 00:00:01.500] "), "{text}");
}

#[test]
fn tsv_has_a_row_a_segment() {
    let text = transcribed(&["--format", "tsv"]);
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows[0], ["start", "end", "text"]);
    assert_eq!(rows.len(), 1 + SEGMENTS, "{text}");
    let times: Vec<(&str, &str)> = rows[1..].iter().map(|row| (row[0], row[1])).collect();
    assert_eq!(times, [("0", "1500"), ("1500", "3000"), ("3000", "4500")], "{text}");
    let text: Vec<&str> = rows[1..].iter().flat_map(|row| row[2].split_whitespace()).collect();
    assert_eq!(text, words("segment"));
}

#[test]
fn layout_options_turn_words_on() {
    let text = transcribed(&["--format", "srt", "--max-line-width", "15", "--max-line-count", "1"]);
    let cues: Vec<Vec<&str>> = text.trim_end().split("\n\n").map(|cue| cue.lines().collect()).collect();
    assert!(cues.len() >= 4, "{text}");
    for (number, cue) in cues.iter().enumerate() {
        assert_eq!(cue.len(), 3, "{text}");
        assert_eq!(cue[0], (number + 1).to_string(), "{text}");
        assert!(cue[1].starts_with("00:00:0") && cue[2].chars().count() <= 15, "{text}");
    }

    let text = transcribed(&["--format", "vtt", "--highlight-words", "--max-words-per-line", "5"]);
    assert!(text.starts_with("WEBVTT\n\n00:00.000 --> 00:"), "{text}");
    assert_eq!(text.matches("<u>").count(), words("word").len(), "{text}");
    let five = words("word")[..5].to_vec();
    let fourth = format!("\n{} {} {} <u>{}</u> {}\n", five[0], five[1], five[2], five[3], five[4]);
    assert!(text.contains(&fourth), "{fourth} in {text}");
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    let cases: [(&[&str], &[&str]); 6] = [
        (&["--max-line-width", "20"], &["--max-line-width", "--format"]),
        (&["--highlight-words", "--format", "tsv"], &["--highlight-words", "srt or vtt"]),
        (&["--max-words-per-line", "3", "--format", "json"], &["--max-words-per-line", "srt or vtt"]),
        (&["--max-line-count", "3", "--format", "srt", "--timestamps", "segment"], &["--timestamps word"]),
        (&["--format", "tsv", "--timestamps", "none"], &["tsv", "--timestamps none"]),
        (&["--format", "tsv", "tests/data/cards-001.wav"], &["tsv", "one recording"]),
    ];
    for (options, expected) in cases {
        let speech = data(SPEECH);
        tiny(["transcribe"].iter().chain(options).chain([&speech.as_str()])).expect(2).expect_error(expected);
    }
    assert_eq!(tiny(["transcribe", "--max-line-width", "0", "--format", "srt", &data(SPEECH)]).expect(2).stdout, "");
    tiny(["--format", "tsv", "caption", &data("easyvqa-0.png")]).expect(2).expect_error(&["tsv", "transcribe"]);
}

#[test]
fn an_option_without_effect_is_reported() {
    let speech = data(SPEECH);
    let run = tiny(["--format", "srt", "transcribe", "--max-line-count", "2", &speech]).expect(0);
    assert!(run.stderr.contains("--max-line-count has no effect"), "{}", run.stderr);
}

#[test]
fn a_model_without_the_graph_for_words_says_so_before_anything_is_heard() {
    let folder = tempfile::tempdir().unwrap();
    let model = damaged_model("tests/fixtures/tiny/whisper.en", folder.path(), &["model.yaml"]);
    let description = fs::read_to_string(model.join("model.yaml")).unwrap();
    let renamed = description.replace("\n  alignment:\n", "\n  other:\n");
    assert_ne!(renamed, description);
    fs::write(model.join("model.yaml"), renamed).unwrap();
    let model = model.to_str().unwrap();
    let arguments = ["--quiet", "--model", model, "transcribe", "--timestamps", "word", "not-there.wav"];
    tiny(arguments).expect(2).expect_error(&["whisper.en", "alignment", "export"]);
    tiny(["--quiet", "--model", model, "transcribe", &data("cards-001.wav")]).expect(0);
}
