//! Options of `transcribe`: where they come from, what they change, and which are rejected.

use std::fs;

use serde_json::Value;
use tempfile::tempdir;

use crate::binary::{Run, data, library, root, tiny};

const MULTILINGUAL: &str = "tests/fixtures/tiny/whisper";

/// The transcript of one recording, as JSON.
#[track_caller]
fn transcript(arguments: &[&str]) -> Value {
    let run = tiny(["transcribe", "--format", "json"].iter().chain(arguments)).expect(0);
    run.json().remove(0)["transcript"].take()
}

fn refused(arguments: &[&str]) -> Run {
    tiny(["transcribe"].iter().chain(arguments))
}

#[test]
fn the_same_seed_produces_the_same_text() {
    let clip = data("cards-005.wav");
    let drawn = |seed: &str| transcript(&[&clip, "--temperature", "1", "--best-of", "1", "--seed", seed]);
    let seeds = ["1", "2", "3", "4", "5"];
    let texts: Vec<Value> = seeds.iter().map(|seed| drawn(seed)["segments"].clone()).collect();
    assert_eq!(drawn("1")["segments"], texts[0]);
    assert!(texts.iter().any(|text| *text != texts[0]), "five seeds, one text: {}", texts[0]);
    assert!(texts.iter().flat_map(|text| text.as_array().unwrap()).all(|segment| segment["temperature"] == 1.0));
}

#[test]
fn a_text_that_is_not_good_enough_is_tried_at_the_next_temperature() {
    // No text has a mean log-probability above 0: every temperature is tried.
    let found = transcript(&[
        &data("cards-001.wav"),
        "--logprob-threshold",
        "0",
        "--temperature",
        "0,0.4,0.8",
        "--no-speech-threshold",
        "1",
    ]);
    assert_eq!(found["segments"][0]["temperature"], 0.8, "{found}");
    let first = transcript(&[&data("cards-001.wav"), "--logprob-threshold", "0", "--temperature", "0"]);
    assert_eq!(first["segments"][0]["temperature"], 0.0, "{first}");
}

#[test]
fn an_automatic_context_is_full_for_doubtful_text_and_for_beams() {
    // Of the first window: the model's times for later ones are beyond their sound.
    let first = |context: &str, beams: &str, least: &str| {
        let options =
            ["--beams", beams, "--logprob-threshold", least, "--temperature", "0", "--no-speech-threshold", "1"];
        let clip = data("cards-005.wav");
        transcript(&[&[clip.as_str(), "--encoder-context", context], &options[..]].concat())["segments"][0].take()
    };
    for (beams, least, expected) in [("1", "0", "full"), ("1", "-9", "adaptive"), ("2", "-9", "full")] {
        assert_ne!(first("full", beams, least), first("adaptive", beams, least));
        assert_eq!(first("auto", beams, least), first(expected, beams, least), "{beams} beams, {least}");
    }
}

#[test]
fn unsupported_options_are_reported_before_any_sound_is_read() {
    let clip = data("cards-001.wav");
    for (arguments, code, expected) in [
        (&["--task", "translate"][..], 2, "an English-only model cannot translate"),
        (&["--language", "de"], 2, "an English-only model does not support language `de`"),
        (&["--model", MULTILINGUAL, "--language", "klingon"], 2, "unknown language `klingon`"),
        (&["--beams", "0"], 2, "beams: 0 is not within 1 to 64"),
        (&["--batch-size", "4", "--no-vad"], 2, "batch_size above 1 needs `models.vad`"),
        (&["--temperature", "7"], 2, "temperature: must be one number within 0 to 2"),
        (&["--length-penalty", "2"], 2, "length_penalty"),
        (&["--no-speech-threshold", "nan"], 2, "no_speech_threshold"),
    ] {
        refused(&[&[clip.as_str()], arguments].concat()).expect(code).expect_error(&[expected]);
    }
}

#[test]
fn the_device_file_sets_what_the_command_line_does_not() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("board.yaml");
    let here = root().join("tests/fixtures/tiny").display().to_string();
    let text = format!(
        "device: board\nruntime: {{library: {}}}\nmodels:\n  whisper: {{path: {here}/whisper.en}}\n  vad: {{path: {here}/vad}}\n\
         pipeline:\n  - transcribe: {{temperature: 0.3, seed: 5, vad: {{threshold: 0.4}}}}\n",
        library().display()
    );
    fs::write(&path, text).unwrap();
    let config = path.to_str().unwrap();
    let clip = data("cards-001.wav");
    let segment =
        |arguments: &[&str]| transcript(&[&["--config", config, &clip], arguments].concat())["segments"][0].clone();
    assert!((segment(&[])["temperature"].as_f64().unwrap() - 0.3).abs() < 1e-6);
    assert_eq!(segment(&["--temperature", "0"])["temperature"], 0.0);

    let wrong = fs::read_to_string(&path).unwrap().replace("threshold", "treshold");
    fs::write(&path, wrong).unwrap();
    refused(&["--config", config, &clip]).expect(2).expect_error(&["unknown field `treshold`"]);
}
