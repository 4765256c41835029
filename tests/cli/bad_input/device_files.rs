//! Device files with a mistake, and command lines that ask for what they do not have.

use std::fs;

use super::{CANNOT_LOAD, WRONG_USE};
use crate::binary::{data, library, root, tiny};

const MODEL: &str = "tests/fixtures/blip/random";

/// A device file with one mistake.
#[track_caller]
fn bad_device_file(text: &str, words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("board.yaml");
    fs::write(&path, text).unwrap();
    let picture = data("easyvqa-0.png");
    tiny(["--config", path.to_str().unwrap(), "caption", &picture]).expect(WRONG_USE).expect_error(words);
}

#[test]
fn unknown_key_in_the_device_file() {
    bad_device_file(
        "device: board\nruntime:\n  memory_budgett: 1GiB\n",
        &["board.yaml:3:3", "memory_budgett", "memory_budget"],
    );
}

#[test]
fn wrong_unit_in_the_device_file() {
    bad_device_file("device: board\nruntime:\n  memory_budget: 3 bananas\n", &["board.yaml:3:18", "3 bananas", "GiB"]);
}

#[test]
fn unknown_provider_in_the_device_file() {
    bad_device_file("device: board\nexecution_providers: [gpu]\n", &["board.yaml:2:23", "gpu", "tensorrt, cuda, cpu"]);
}

#[test]
fn malformed_device_file() {
    bad_device_file("device: [\n", &["board.yaml"]);
}

#[test]
fn missing_device_file() {
    tiny(["--config", "no/such/board.yaml", "doctor"]).expect(WRONG_USE).expect_error(&["no/such/board.yaml"]);
}

#[test]
fn device_file_without_the_model_that_a_command_needs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("board.yaml");
    fs::write(&path, format!("device: board\nruntime: {{library: {}}}\n", library().display())).unwrap();
    let picture = data("easyvqa-0.png");
    tiny(["--config", path.to_str().unwrap(), "caption", &picture])
        .expect(WRONG_USE)
        .expect_error(&["board.yaml", "`caption` needs a model that can caption, and none under `models` can"]);
}

#[test]
fn question_given_twice_or_not_at_all() {
    let picture = data("easyvqa-0.png");
    let recording = data("question-color.wav");
    tiny(["ask", &picture]).expect(WRONG_USE);
    tiny(["ask", &picture, "what is it?", "--audio", &recording]).expect(WRONG_USE);
}

#[test]
fn nothing_to_fuse() {
    tiny(["fuse"]).expect(WRONG_USE);
    tiny(["fuse", "--embeddings"]).expect(WRONG_USE);
}

#[test]
fn precision_that_the_model_does_not_have() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("board.yaml");
    let model = root().join(MODEL);
    let text = format!("device: board\nmodels:\n  blip: {{path: {}, precision: int8}}\n", model.display());
    fs::write(&path, text).unwrap();
    let picture = data("easyvqa-0.png");
    tiny(["--config", path.to_str().unwrap(), "caption", &picture])
        .expect(CANNOT_LOAD)
        .expect_error(&["vision", "`int8`", "fp32"]);
}

#[test]
fn precision_of_a_graph_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("board.yaml");
    let text = "device: board\nruntime: {library: ROOT/lib/libonnxruntime.so}\nmodels:\n  whisper: {path: ROOT/tests/fixtures/tiny/whisper.en, precision: {encodr: int8}}\n";
    fs::write(&path, text.replace("ROOT", root().to_str().unwrap())).unwrap();
    tiny(["--config", path.to_str().unwrap(), "transcribe", &data("cards-001.wav")]).expect(2).expect_error(&[
        "tiny-whisper.en",
        "`encodr`",
        "alignment, decoder, encoder",
    ]);
}

#[test]
fn model_larger_than_the_memory_budget() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("board.yaml");
    let text = "device: board\nruntime: {library: ROOT/lib/libonnxruntime.so, memory_budget: 1MiB}\nmodels:\n  blip: {path: ROOT/tests/fixtures/blip/random}\n";
    fs::write(&path, text.replace("ROOT", root().to_str().unwrap())).unwrap();
    let picture = data("easyvqa-0.png");
    tiny(["--config", path.to_str().unwrap(), "caption", &picture]).expect(CANNOT_LOAD).expect_error(&[
        "random",
        "memory_budget",
        "1.0 MiB",
    ]);
}

#[test]
fn doctor_tells_what_the_pipeline_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("board.yaml");
    let text = "device: board\nruntime: {library: ROOT/lib/libonnxruntime.so}\npipeline: [caption]\n";
    fs::write(&path, text.replace("ROOT", root().to_str().unwrap())).unwrap();
    let run = tiny(["--config", path.to_str().unwrap(), "doctor"]).expect(CANNOT_LOAD);
    assert!(
        run.stdout.contains("`caption` needs a model that can caption") && run.stdout.contains("cannot run"),
        "{}",
        run.stdout
    );
}
