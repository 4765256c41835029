//! BLIP-2 folders with the commands of BLIP.

use std::fs;
use std::path::Path;

use crate::binary::{data, edgefuse, root};

/// Its weights are random.
const MODELS: [&str; 2] = ["tests/fixtures/blip2/opt", "tests/fixtures/blip2/t5"];

const WRONG_USE: i32 = 2;
const CANNOT_LOAD: i32 = 3;

#[test]
fn captions_and_answers() {
    let picture = data("easyvqa-0.png");
    let folder = tempfile::tempdir().unwrap();
    let answers = folder.path().join("answers.txt");
    fs::write(&answers, "red\na circle\n").unwrap();
    for model in MODELS {
        let start = ["--quiet", "--format", "json", "--model", model];
        let caption = ["caption", "--beams", "2", "--captions", "2", &picture];
        let caption = edgefuse(start.iter().chain(&caption)).expect(0).json();
        assert_eq!(caption[0]["caption"]["captions"].as_array().unwrap().len(), 2, "{caption:?}");

        let answers = answers.to_str().unwrap();
        let answer = ["ask", "--answers", answers, &picture, "what is the color?"];
        let answer = &edgefuse(start.iter().chain(&answer)).expect(0).json()[0]["answer"];
        let probabilities = answer["answers"].as_array().unwrap().iter().map(|it| it["probability"].as_f64().unwrap());
        assert!((probabilities.sum::<f64>() - 1.0).abs() < 1e-4, "{answer}");
    }
}

#[test]
fn a_command_that_it_has_no_graphs_for_says_so() {
    let picture = data("easyvqa-0.png");
    edgefuse(["--quiet", "--model", MODELS[0], "match", &picture, "--text", "a red circle"])
        .expect(WRONG_USE)
        .expect_error(&["blip2-opt-random", "can caption and answer questions, but cannot match texts"]);
}

#[test]
fn a_description_that_makes_no_sense_is_refused() {
    let picture = data("easyvqa-0.png");
    for (old, new, expected) in [
        ("{question}", "{quest}", "question_prompt"),
        ("end: 3", "end: 72", "outside the vocabulary of 72"),
        ("past, 6]", "past, past]", "past_key"),
        ("max_tokens: 55", "max_tokens: 0", "generation"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(root().join(MODELS[0])).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
        replace(&folder.path().join("model.yaml"), old, new);
        edgefuse(["--quiet", "--model", folder.path().to_str().unwrap(), "caption", &picture])
            .expect(CANNOT_LOAD)
            .expect_error(&["model.yaml", expected]);
    }
}

fn replace(path: &Path, old: &str, new: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(old), "{old} is not in {}:\n{text}", path.display());
    fs::write(path, text.replace(old, new)).unwrap();
}
