//! Every command with speech input, with the real binary and the real models.

use std::fs;

use serde_json::Value;

use crate::binary::{data, edgefuse, step_text, words};

/// The one result of a command with `--format json`.
#[track_caller]
fn result(arguments: &[&str]) -> Value {
    let run = edgefuse(["--format", "json"].iter().chain(arguments)).expect(0);
    let mut lines = run.json();
    assert_eq!(lines.len(), 1, "{}", run.stdout);
    let line = lines.remove(0);
    let is_step = |name: &str, value: &Value| value.is_object() && name != "precision";
    for (step, result) in line.as_object().unwrap().iter().filter(|(name, value)| is_step(name, value)) {
        assert_eq!(result["provider"], "cpu", "{step}: {line}");
        assert!(result["ms"].as_f64().is_some_and(|ms| ms > 0.0), "{step}: {line}");
    }
    line
}

#[test]
fn transcribes_real_speech() {
    let line = result(&["transcribe", &data("librivox-0870.wav")]);
    assert_eq!(
        words(step_text(&line, "transcript")),
        "and mr john dashwood had then leisure to consider how much there might be prudently in his power to do for them"
    );
}

#[test]
fn transcribes_every_audio_format() {
    let question = "what color is the shape";
    let expected = [
        ("stereo-44100.flac", question),
        ("stereo-48000.mp3", question),
        ("mono-22050.ogg", question),
        ("mono-32000.m4a", question),
        ("mono-8000.wav", "he might even have been made amiable himself"),
    ];
    let files = expected.iter().map(|(name, _)| data(&format!("formats/{name}")));
    let arguments = ["--format", "json", "transcribe"].into_iter().map(String::from).chain(files);
    let run = edgefuse(arguments).expect(0);
    let lines = run.json();
    assert_eq!(lines.len(), expected.len(), "{}", run.stdout);
    for ((name, text), line) in expected.iter().zip(&lines) {
        assert_eq!(words(step_text(line, "transcript")), *text, "{name}");
    }
}

#[test]
fn answers_a_spoken_question() {
    let line = result(&["ask", &data("easyvqa-39.png"), "--audio", &data("question-shape.wav")]);
    assert_eq!(words(step_text(&line, "transcript")), "what shape is in the image");
    assert_eq!(step_text(&line, "answer"), "circle");
}

#[test]
fn runs_the_pipeline_over_a_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("results.jsonl");
    edgefuse(["run", &data("records.jsonl"), "--output", output.to_str().unwrap()]).expect(0);
    let lines: Vec<Value> =
        fs::read_to_string(&output).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ids: Vec<&str> = lines.iter().map(|line| line["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["image-and-audio", "image-and-text", "audio-only", "image-only", "all-three"]);
    assert_eq!(step_text(&lines[0], "caption"), "a blue rectangle");
    assert_eq!(words(step_text(&lines[0], "transcript")), "what color is the shape");
    assert_eq!(step_text(&lines[0], "answer"), "blue");
    assert_eq!(step_text(&lines[1], "answer"), "circle");
    assert_eq!(words(step_text(&lines[2], "transcript")), "he might even have been made amiable himself");
    assert!(lines[2]["caption"].is_null());
    assert_eq!(step_text(&lines[3], "caption"), "a red triangle");
}
