//! Vision-language models with the commands `caption`, `ask` and `chat`.

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::binary::{Run, data, edgefuse, root};

/// Its weights are random.
const MODEL: &str = "tests/fixtures/tiny/vlm";

const CANNOT_LOAD: i32 = 3;

fn with_model<const N: usize>(arguments: [&str; N]) -> Run {
    let start = ["--quiet", "--format", "json", "--model", MODEL];
    edgefuse(start.iter().chain(&arguments))
}

#[test]
fn captions_and_answers() {
    let picture = data("easyvqa-0.png");
    let caption = with_model(["caption", "--beams", "2", "--captions", "2", &picture]).expect(0).json();
    assert_eq!(caption[0]["caption"]["captions"].as_array().unwrap().len(), 2, "{caption:?}");
    let folder = tempfile::tempdir().unwrap();
    let answers = folder.path().join("answers.txt");
    fs::write(&answers, "window\nthe house\n").unwrap();
    let answers = answers.to_str().unwrap();
    let answer = &with_model(["ask", "--answers", answers, &picture, "what is it?"]).expect(0).json()[0]["answer"];
    let probabilities = answer["answers"].as_array().unwrap().iter().map(|it| it["probability"].as_f64().unwrap());
    assert!((probabilities.sum::<f64>() - 1.0).abs() < 1e-4, "{answer}");
    let free = &with_model(["ask", &picture, "what is it?"]).expect(0).json()[0]["answer"];
    assert!(free["text"].is_string() && free["log_probability"].as_f64().unwrap() < 0.0, "{free}");
}

#[test]
fn a_chat_sees_two_pictures() {
    let (first, second) = (data("easyvqa-0.png"), data("rocket.jpg"));
    let chat = |pictures: &[&str]| {
        let mut all = vec!["--quiet", "--format", "json", "--model", MODEL, "chat", "--max-tokens", "8"];
        pictures.iter().for_each(|picture| all.extend(["--image", picture]));
        all.push("the house?");
        edgefuse(all).expect(0).json().remove(0)
    };
    let (none, one, two) = (chat(&[]), chat(&[&first]), chat(&[&first, &second]));
    let tokens = |line: &serde_json::Value| line["prompt_tokens"].as_u64().unwrap();
    assert!(tokens(&none) < tokens(&one) && tokens(&one) + 40 < tokens(&two), "{none} {one} {two}");
    assert_ne!(one["text"], two["text"]);
    assert_ne!(chat(&[&second])["text"], one["text"]);
}

#[test]
fn the_folder_passes_its_check() {
    edgefuse(["check", MODEL]).expect(0);
}

/// A copy of the model with `old` replaced in one of its files, whose hash is that of the new content.
fn changed(file: &str, old: &str, new: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(root().join(MODEL)).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    let path = folder.path().join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(old), "{old} is not in {file}");
    let replaced = text.replace(old, new);
    fs::write(&path, &replaced).unwrap();
    if file != "model.yaml" {
        let description = folder.path().join("model.yaml");
        let entry = |text: &str| {
            let hash: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{{sha256: {hash}, bytes: {}}}", text.len())
        };
        let yaml = fs::read_to_string(&description).unwrap();
        assert!(yaml.contains(&entry(&text)), "{yaml}");
        fs::write(&description, yaml.replace(&entry(&text), &entry(&replaced))).unwrap();
    }
    folder
}

#[test]
fn folders_that_do_not_fit_together_are_refused() {
    let picture = data("easyvqa-0.png");
    for (file, old, new, expected) in [
        ("tokenizer.json", "\"<image>\"", "\"<bild>\"", "it has no token <image>"),
        ("model.yaml", "shape: [rows, 32]", "shape: [rows, 33]", "differs in width from image_rows of decoder"),
        ("model.yaml", "split: {longest_side: 96}", "split: {longest_side: 9600}", "image.split.longest_side"),
        ("model.yaml", "  split: {longest_side: 96}\n", "", "image.split: missing"),
        ("model.yaml", "'{question}", "'{quest}", "prompts.question"),
        ("model.yaml", "token: 399", "token: 4000", "picture.token: 4000 is outside the vocabulary"),
        ("model.yaml", "image: <image>", "image: <global-img>", "<global-img> is 400, and model.yaml says 399"),
        ("chat_template.jinja", "{% for message in messages %}", "{% for %}", "not a usable chat template"),
    ] {
        let folder = changed(file, old, new);
        let path: &Path = folder.path();
        edgefuse(["--quiet", "--model", path.to_str().unwrap(), "caption", &picture])
            .expect(CANNOT_LOAD)
            .expect_error(&[expected]);
    }
}
