//! Recordings that cannot be read, or barely.

use super::{bad_input, good_input};
use crate::binary::{data, tiny};

/// Transcribes a bad recording between two good ones.
#[track_caller]
fn bad_recording(name: &str, cause: &str) {
    bad_input("transcribe", "transcript", &data("cards-001.wav"), name, cause);
}

#[test]
fn missing_recording() {
    bad_recording("not-there.wav", "o such file");
}

#[test]
fn empty_recording() {
    bad_recording("bad/empty.wav", "empty file");
}

#[test]
fn text_called_wav() {
    bad_recording("bad/text.wav", "not audio in a known format");
}

#[test]
fn recording_cut_off_in_its_header() {
    bad_recording("bad/truncated-header.wav", "cut off");
}

#[test]
fn a_truncated_recording_yields_its_text_and_a_warning() {
    let cut_off = data("bad/truncated.wav");
    let run = tiny(["--format", "json", "transcribe", &cut_off]).expect(0);
    let warning = run.stderr.lines().find(|line| line.contains(&cut_off)).unwrap_or_else(|| panic!("{}", run.stderr));
    assert!(warning.starts_with("warn"), "{warning}");
    let seconds = run.json()[0]["transcript"]["duration"].as_f64().unwrap();
    assert!((0.24..0.25).contains(&seconds), "{seconds} s of 8,000 bytes");
}

#[test]
fn recording_without_samples() {
    bad_recording("bad/zero-length.wav", "no samples");
}

#[test]
fn recordings_of_other_sample_types_are_good() {
    let original = good_input("transcribe", "transcript", "cards-001.wav");
    for name in ["24-bit", "32-bit", "float"] {
        assert_eq!(good_input("transcribe", "transcript", &format!("formats/{name}.wav")), original, "{name}");
    }
    // Rounded to 8 bits it is another sound.
    assert!(!good_input("transcribe", "transcript", "formats/8-bit.wav").is_empty());
}
