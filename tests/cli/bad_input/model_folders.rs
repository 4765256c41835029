//! Model folders that are damaged or of another kind.

use std::fs;
use std::path::Path;

use super::{CANNOT_LOAD, WRONG_USE};
use crate::binary::{damaged_model, data, tiny};

const MODEL: &str = "tests/fixtures/blip/random";

/// Captions a good picture with a model folder that cannot be used.
#[track_caller]
fn bad_model(folder: &Path, words: &[&str]) {
    let picture = data("easyvqa-0.png");
    tiny(["--quiet", "--model", folder.to_str().unwrap(), "caption", &picture]).expect(CANNOT_LOAD).expect_error(words);
}

#[test]
fn missing_model() {
    bad_model(Path::new("no-such-model"), &["no-such-model"]);
}

#[test]
fn empty_model_folder() {
    let folder = tempfile::tempdir().unwrap();
    bad_model(folder.path(), &["model.yaml"]);
}

#[test]
fn model_of_another_kind() {
    tiny(["--quiet", "--model", "tests/fixtures/tiny/whisper.en", "caption", &data("easyvqa-0.png")])
        .expect(WRONG_USE)
        .expect_error(&["whisper.en: this model (kind `whisper`) can transcribe, but cannot caption"]);
}

#[test]
fn flipped_byte_in_a_graph() {
    let folder = tempfile::tempdir().unwrap();
    let model = damaged_model(MODEL, folder.path(), &["vision.onnx"]);
    flip_a_byte(&model.join("vision.onnx"));
    bad_model(&model, &["vision.onnx", "SHA-256"]);
}

#[test]
fn flipped_byte_in_the_weights() {
    let folder = tempfile::tempdir().unwrap();
    let model = damaged_model(MODEL, folder.path(), &["vision.onnx.data"]);
    flip_a_byte(&model.join("vision.onnx.data"));
    bad_model(&model, &["vision.onnx.data", "SHA-256"]);
}

fn flip_a_byte(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn graph_file_that_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let model = damaged_model(MODEL, folder.path(), &[]);
    fs::remove_file(model.join("vision.onnx")).unwrap();
    bad_model(&model, &["vision.onnx", "o such file"]);
}

#[test]
fn tensor_that_the_graph_does_not_have() {
    let folder = tempfile::tempdir().unwrap();
    let model = damaged_model(MODEL, folder.path(), &["model.yaml"]);
    replace(&model.join("model.yaml"), "name: pixel_values", "name: pixels");
    bad_model(&model, &["vision.onnx", "`pixels`"]);
}

#[test]
fn unknown_key_in_a_model_description() {
    let folder = tempfile::tempdir().unwrap();
    let model = damaged_model(MODEL, folder.path(), &["model.yaml"]);
    replace(&model.join("model.yaml"), "tokenizer:", "tokeniser:");
    bad_model(&model, &["model.yaml", "tokeniser", "tokenizer"]);
}

fn replace(path: &Path, old: &str, new: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(old), "{old} is not in {}", path.display());
    fs::write(path, text.replace(old, new)).unwrap();
}

#[test]
fn flipped_byte_in_a_tokenizer() {
    let folder = tempfile::tempdir().unwrap();
    let model = damaged_model(MODEL, folder.path(), &["tokenizer.json"]);
    flip_a_byte(&model.join("tokenizer.json"));
    bad_model(&model, &["tokenizer.json", "SHA-256"]);
}

#[test]
fn model_description_with_absurd_numbers() {
    for (old, new, expected) in [
        ("past, 6]", "past, 4611686018427387904]", "past_key"),
        ("caption_max_tokens: 20", "caption_max_tokens: 0", "generation"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let model = damaged_model(MODEL, folder.path(), &["model.yaml"]);
        replace(&model.join("model.yaml"), old, new);
        bad_model(&model, &["model.yaml", expected]);
    }
}
