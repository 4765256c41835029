//! Parts of recordings, several recordings, and one file for each.

use std::fs;

use tempfile::tempdir;

use crate::binary::{data, edgefuse, words};

#[test]
fn every_recording_has_its_file() {
    let folder = tempdir().unwrap();
    let into = folder.path().join("made/here");
    let (first, second) = (data("librivox-0880.wav"), data("cards-001.wav"));
    let read = |name: &str| fs::read_to_string(into.join(name)).unwrap();
    for (format, extension, start) in [
        ("srt", "srt", "1\n00:00:0"),
        ("vtt", "vtt", "WEBVTT\n\n00:0"),
        ("json", "json", "{\"id\""),
        ("text", "txt", ""),
    ] {
        let output = ["--quiet", "--format", format, "transcribe", "--output-dir", into.to_str().unwrap()];
        let run = edgefuse(output.iter().copied().chain([first.as_str(), "none.wav", second.as_str()])).expect(1);
        assert_eq!(run.stdout, "");
        run.expect_error(&["none.wav"]);
        for (name, said) in [("librivox-0880", "young man"), ("cards-001", "of clubs")] {
            let text = read(&format!("{name}.{extension}"));
            assert!(text.starts_with(start) && text.ends_with('\n') && text.contains(said), "{text}");
        }
    }
    // No file for the missing recording, and no partial files.
    assert_eq!(fs::read_dir(&into).unwrap().count(), 8);
    edgefuse(["--format", "srt", "transcribe", &first, &second]).expect(2).expect_error(&["srt", "--output-dir"]);
    edgefuse(["transcribe", "-", "--output-dir", "x"]).expect(2).expect_error(&["--output-dir", "standard"]);
    let file = into.join("cards-001.srt");
    edgefuse(["transcribe", &first, "-o", file.to_str().unwrap()]).expect(2).expect_error(&["--output-dir"]);
}

#[test]
fn only_the_parts_that_are_asked_for_are_transcribed() {
    let speech = data("librivox-0870.wav");
    let whole = words(&edgefuse(["--quiet", "transcribe", &speech]).expect(0).stdout);
    for more in [&[][..], &["--batch-size", "2"], &["--timestamps", "word"]] {
        let arguments = ["--quiet", "--format", "json", "transcribe", &speech, "--clip-timestamps", "4.0,6.5"];
        let line = edgefuse(arguments.iter().chain(more)).expect(0).json().remove(0);
        let segments = line["transcript"]["segments"].as_array().unwrap();
        assert!(!segments.is_empty(), "{line}");
        for segment in segments {
            assert!(segment["start"].as_f64().unwrap() >= 4.0, "{line}");
        }
        let text = words(line["transcript"]["text"].as_str().unwrap());
        assert!(!text.contains("dashwood") && text.len() < whole.len() / 2, "{text}");
    }
    let run = edgefuse(["transcribe", &speech, "--clip-timestamps", "0,3,50,60"]).expect(0);
    assert!(run.stderr.contains("nothing to transcribe from 50 s on"), "{}", run.stderr);
    edgefuse(["transcribe", &speech, "--clip-timestamps", "5,2"]).expect(2).expect_error(&["clip_timestamps: 2 s"]);
}

#[test]
fn words_amid_silence_are_judged_where_that_is_asked_for() {
    let speech = data("librivox-0870.wav");
    let arguments = ["--quiet", "--format", "json", "transcribe", &speech, "--hallucination-silence-threshold", "2"];
    let line = edgefuse(arguments).expect(0).json().remove(0);
    let plain = edgefuse(["--quiet", "--format", "json", "transcribe", &speech]).expect(0).json().remove(0);
    assert_eq!(line["transcript"]["text"], plain["transcript"]["text"]);
    assert!(line["transcript"]["segments"][0]["words"].is_array(), "{line}");
    let arguments = ["transcribe", &speech, "--hallucination-silence-threshold", "2", "--timestamps", "segment"];
    edgefuse(arguments).expect(2).expect_error(&["hallucination_silence_threshold", "timestamps: word"]);
}
