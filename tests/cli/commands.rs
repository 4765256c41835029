//! Every command on good input. The content of speech is tested in tests/models.

use std::fs;

use crate::binary::{data, edgefuse, step_text, tiny};
use serde_json::Value;
/// The one result of a command with `--format json`.
#[track_caller]
fn result(arguments: &[&str]) -> Value {
    let run = edgefuse(["--format", "json"].iter().chain(arguments)).expect(0);
    let mut lines = run.json();
    assert_eq!(lines.len(), 1, "{}", run.stdout);
    let line = lines.remove(0);
    // `precision` is not a step: it contains the choices of `auto`.
    let steps = line.as_object().unwrap().iter().filter(|(name, value)| value.is_object() && *name != "precision");
    for (step, result) in steps {
        assert_eq!(result["provider"], "cpu", "{step}: {line}");
        assert!(result["ms"].as_f64().is_some_and(|ms| ms > 0.0), "{step}: {line}");
    }
    line
}

#[test]
fn captions_every_picture_format() {
    let names = [
        "blue-rectangle.bmp",
        "blue-rectangle.gif",
        "blue-rectangle.webp",
        "blue-rectangle-turned.jpg",
        "blue-rectangle-alpha.png",
    ];
    for name in names {
        let line = result(&["caption", &data(&format!("formats/{name}"))]);
        assert_eq!(step_text(&line, "caption"), "a blue rectangle", "{name}");
    }
    // Grey has no colour to name, but it is a picture.
    let line = result(&["caption", &data("formats/rectangle-grey.png")]);
    assert!(step_text(&line, "caption").ends_with("rectangle"), "{line}");
}

#[test]
fn captions_several_pictures_in_order() {
    let pictures: Vec<Value> = serde_json::from_str(&fs::read_to_string(data("easyvqa.json")).unwrap()).unwrap();
    let files = pictures.iter().map(|picture| data(picture["image"].as_str().unwrap()));
    let arguments = ["--format", "json", "caption"].into_iter().map(String::from).chain(files);
    let run = edgefuse(arguments).expect(0);
    let captions: Vec<String> = run.json().iter().map(|line| step_text(line, "caption").to_string()).collect();
    let expected: Vec<&str> = pictures.iter().map(|picture| picture["caption"].as_str().unwrap()).collect();
    assert_eq!(captions, expected);
}

#[test]
fn answers_a_typed_question() {
    let line = result(&["ask", &data("easyvqa-23.png"), "What color is the shape?"]);
    assert_eq!(step_text(&line, "answer"), "blue");
}

#[test]
fn fuses_a_picture_and_a_question() {
    let line = result(&["fuse", "--image", &data("easyvqa-23.png"), "--text", "what color is the shape?"]);
    assert_eq!(line["fusion"]["label"], "blue", "{line}");
}

#[test]
fn runs_the_pipeline_over_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["easyvqa-0.png", "cards-001.wav"] {
        fs::copy(data(name), folder.path().join(name)).unwrap();
    }
    let run = tiny(["--format", "json", "run", folder.path().to_str().unwrap()]).expect(0);
    let lines = run.json();
    assert_eq!(lines.len(), 2, "{}", run.stdout);
    assert_eq!(lines.iter().filter(|line| line["caption"].is_object()).count(), 1);
    assert_eq!(lines.iter().filter(|line| line["transcript"].is_object()).count(), 1);
}

#[test]
fn doctor_says_what_runs_where() {
    let run = tiny(["doctor"]).expect(0);
    for word in ["ONNX Runtime", "tiny-whisper.en", "random", "student", "tiny-vad", "cpu"] {
        assert!(run.stdout.contains(word), "`{word}` is not in:\n{}", run.stdout);
    }
    let run = tiny(["--format", "json", "doctor"]).expect(0);
    assert!(!run.json().is_empty());
}

#[test]
fn speaks_json_on_stdout_and_nothing_else() {
    let run = tiny(["--verbose", "--format", "json", "caption", &data("easyvqa-0.png")]).expect(0);
    assert_eq!(run.json().len(), 1);
    assert!(!run.stderr.is_empty(), "--verbose says nothing");
}

#[test]
fn prints_version_and_usage() {
    assert_eq!(tiny(["--version"]).expect(0).stdout.trim(), concat!("edgefuse ", env!("CARGO_PKG_VERSION")));
    let help = tiny(["--help"]).expect(0).stdout;
    for name in ["run", "caption", "ask", "transcribe", "fuse", "doctor"] {
        assert!(help.contains(name), "{name} is not in:\n{help}");
    }
    assert_eq!(tiny(["paint"]).code, 2);
}
