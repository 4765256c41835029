//! `classify`, and the other commands and steps with encoders.

use std::fs;

use serde_json::Value;

use crate::binary::{data, edgefuse};

const SOME_FAILED: i32 = 1;
const WRONG_USE: i32 = 2;
const UNUSABLE: i32 = 3;

const VIT: &str = "tests/fixtures/encoder/vit";
const CLIP: &str = "tests/fixtures/encoder/clip";

#[test]
fn a_photograph_shows_what_it_shows() {
    let run = edgefuse(["--quiet", "classify", &data("coffee.png"), "--top", "2"]).expect(0);
    assert!(run.stdout.lines().next().unwrap().ends_with("  espresso"), "{}", run.stdout);
    assert_eq!(run.stdout.lines().count(), 2, "{}", run.stdout);
}

#[test]
fn classes_come_most_probable_first() {
    let pictures = [data("rocket.jpg"), data("coffee.png")];
    let run =
        edgefuse(["--quiet", "--model", VIT, "--format", "json", "classify", &pictures[0], &pictures[1]]).expect(0);
    let lines = run.json();
    assert_eq!(lines.len(), 2);
    for line in &lines {
        let found = &line["classes"];
        let classes = found["classes"].as_array().unwrap();
        assert_eq!((classes.len(), &classes[0]["label"]), (5, &found["label"]), "{line}");
        let probabilities: Vec<f64> = classes.iter().map(|class| class["probability"].as_f64().unwrap()).collect();
        assert!(probabilities.is_sorted_by(|a, b| a >= b) && probabilities[0] <= 1.0, "{line}");
    }
    let all = edgefuse(["--quiet", "--model", VIT, "--format", "json", "classify", "--top", "100", &pictures[0]]);
    let classes: Vec<Value> = all.expect(0).json()[0]["classes"]["classes"].as_array().unwrap().clone();
    let total: f64 = classes.iter().map(|class| class["probability"].as_f64().unwrap()).sum();
    assert!(classes.len() == 7 && (total - 1.0).abs() < 1e-5, "{total}");
}

#[test]
fn texts_are_matched_by_similarity() {
    let run = edgefuse(["--quiet", "--model", CLIP, "match", &data("rocket.jpg"), "--text", "w5 w9", "--text", "w7"]);
    let run = run.expect(0);
    assert!(run.stdout.starts_with(" similarity  text\n"), "{}", run.stdout);
    assert_eq!(run.stdout.lines().count(), 3, "{}", run.stdout);
}

#[test]
fn wrong_use_is_explained() {
    let picture = data("rocket.jpg");
    edgefuse(["--model", CLIP, "classify", &picture])
        .expect(WRONG_USE)
        .expect_error(&["tiny-clip", "can match texts and embed, but cannot classify"]);
    edgefuse(["--model", VIT, "match", &picture, "--text", "w1"])
        .expect(WRONG_USE)
        .expect_error(&["tiny-vit", "can classify and embed, but cannot match texts"]);
    edgefuse(["--model", VIT, "classify", &picture, "--top", "0"]).expect(WRONG_USE);
    edgefuse(["--model", VIT, "classify", &data("bad/corrupt.png")]).expect(SOME_FAILED);
    let long = "w5 ".repeat(40);
    edgefuse(["--model", CLIP, "match", &picture, "--text", &long])
        .expect(WRONG_USE)
        .expect_error(&["has 41 tokens; the model accepts up to 16"]);
}

#[test]
fn a_folder_that_does_not_fit_its_graphs_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for file in fs::read_dir(VIT).unwrap() {
        let path = file.unwrap().path();
        fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    let yaml = fs::read_to_string(folder.path().join("model.yaml")).unwrap();
    let check = |text: &str, expected: &str| {
        fs::write(folder.path().join("model.yaml"), text).unwrap();
        let run = edgefuse(["check", folder.path().to_str().unwrap()]);
        let run = run.expect(UNUSABLE);
        assert!(run.stdout.contains(expected) || run.stderr.contains(expected), "{} {}", run.stdout, run.stderr);
    };
    check(&yaml.replace("classes: classes.txt\n", ""), "`classes.txt` is not a graph");
    check(&yaml.replace("height: 32", "height: 31"), "but must be [batch, 3, 31, 32] as `image` says");
    check(&yaml.replace("pictures, 32]", "pictures, length]"), "every graph must return the same length");
    check(&format!("{yaml}matching: {{scale: 1, bias: 0}}\n"), "matching: ");
    check(&format!("{yaml}audio: {{}}\n"), "audio");
}
