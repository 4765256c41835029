//! Unusable libraries, and providers that they lack.

use std::fs;
use std::path::Path;

use super::{CANNOT_LOAD, WRONG_USE};
use crate::binary::{command, data, root, run, tiny, tiny_command};

/// Captions a good picture with ORT_DYLIB_PATH set to an unusable file.
#[track_caller]
fn bad_library(path: &Path, words: &[&str]) {
    let picture = data("easyvqa-0.png");
    run(tiny_command().env("ORT_DYLIB_PATH", path).args(["--quiet", "caption", &picture]))
        .expect(CANNOT_LOAD)
        .expect_error(words);
}

#[test]
fn missing_library() {
    bad_library(Path::new("/no/such/libonnxruntime.so"), &["/no/such/libonnxruntime.so", "no such file"]);
}

#[test]
fn text_called_library() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("libonnxruntime.so");
    fs::write(&path, "This is not a shared library.\n".repeat(10)).unwrap();
    bad_library(&path, &["libonnxruntime.so", "not a shared library"]);
}

#[test]
fn library_that_is_not_onnx_runtime() {
    // The C library is the only shared library that every machine has.
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let libc = maps.split_whitespace().find(|word| word.contains("/libc.so")).expect("libc is mapped");
    bad_library(Path::new(libc), &[libc, "OrtGetApiBase"]);
}

#[test]
fn library_that_the_device_file_names_and_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("board.yaml");
    let model = root().join("tests/fixtures/blip/random");
    let text = "device: board\nruntime:\n  library: gone/libonnxruntime.so\nmodels:\n  blip: {path: MODEL}\n";
    fs::write(&path, text.replace("MODEL", model.to_str().unwrap())).unwrap();
    let picture = data("easyvqa-0.png");
    tiny(["--config", path.to_str().unwrap(), "caption", &picture])
        .expect(WRONG_USE)
        .expect_error(&["board.yaml:3:12", "gone/libonnxruntime.so"]);
}

/// A device file with CUDA first, which the library of the set-up does not have.
fn device_file_with_cuda(folder: &Path, on_missing: &str) -> String {
    let path = folder.join("board.yaml");
    let text = "device: board\nruntime: {library: ROOT/lib/libonnxruntime.so, on_missing_provider: MISSING}\n\
                execution_providers: [tensorrt: {engine_cache: cache}, cuda, cpu]\nmodels:\n  blip: {path: ROOT/tests/fixtures/blip/random}\n";
    let text = text.replace("ROOT", root().to_str().unwrap()).replace("MISSING", on_missing);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_string()
}

#[test]
fn provider_that_the_library_does_not_have_is_said_aloud() {
    let folder = tempfile::tempdir().unwrap();
    let device = device_file_with_cuda(folder.path(), "fallback");
    let picture = data("easyvqa-0.png");
    let run = tiny(["--config", &device, "--format", "json", "caption", &picture]).expect(0);
    assert_eq!(run.json()[0]["caption"]["provider"], "cpu");
    for name in ["tensorrt", "cuda"] {
        let warnings = run.stderr.lines().filter(|line| line.starts_with("warn") && line.contains(name)).count();
        assert_eq!(warnings, 1, "{name} in: {}", run.stderr);
    }
    let report = tiny(["--config", &device, "--format", "json", "doctor"]).expect(0).json().remove(0);
    let loads: Vec<bool> =
        report["providers"].as_array().unwrap().iter().map(|provider| provider["loads"].as_bool().unwrap()).collect();
    assert_eq!(loads, [false, false, true], "{report}");
}

#[test]
fn provider_that_the_library_does_not_have_is_fatal_where_the_device_file_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let device = device_file_with_cuda(folder.path(), "error");
    let picture = data("easyvqa-0.png");
    tiny(["--config", &device, "caption", &picture])
        .expect(CANNOT_LOAD)
        .expect_error(&["tensorrt", "on_missing_provider"]);
}

#[test]
fn library_too_old_for_the_precision() {
    let oldest = root().join("build/oldest-onnxruntime/libonnxruntime.so");
    assert!(oldest.exists(), "{} is not there: run scripts/setup.sh test first", oldest.display());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("board.yaml");
    let whisper = root().join("tests/fixtures/tiny/whisper.en").display().to_string();
    let transcribe = |precision: &str| {
        let text = format!("device: board\nmodels:\n  whisper: {{path: {whisper}, precision: {precision}}}\n");
        fs::write(&path, text).unwrap();
        let arguments = ["--config", path.to_str().unwrap(), "transcribe", "tests/data/cards-001.wav"];
        run(tiny_command().env("ORT_DYLIB_PATH", &oldest).args(arguments))
    };
    let expected = ["whisper.en/", "precision `q8` needs ONNX Runtime 1.22", "1.17.1", "int8"];
    transcribe("q8").expect(CANNOT_LOAD).expect_error(&expected);
    assert!(!transcribe("int8").expect(0).stdout.is_empty());
}

#[test]
fn auto_passes_over_what_the_library_is_too_old_for() {
    let oldest = root().join("build/oldest-onnxruntime/libonnxruntime.so");
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("board.yaml");
    let whisper = root().join("tests/fixtures/tiny/whisper.en").display().to_string();
    fs::write(&config, format!("device: board\nmodels:\n  whisper: {{path: {whisper}, precision: auto}}\n")).unwrap();
    let arguments = ["--config", config.to_str().unwrap(), "--format", "json", "transcribe", &data("cards-001.wav")];
    let done = run(command().env("ORT_DYLIB_PATH", &oldest).args(arguments)).expect(0);
    let chosen = &done.json()[0]["precision"]["tiny-whisper.en/decoder"];
    let chosen = chosen.as_str().unwrap_or_default();
    assert!(chosen.starts_with("fp32 (") && chosen.contains("needs ONNX Runtime 1.22"), "{chosen}");
}
