//! What the binary does with input that it cannot use: one line of error that names the file and the cause, the right
//! exit code, and every other input still done.

use std::fs;
use std::path::Path;

use crate::binary::{command, damaged_model, data, edgefuse, library, root, run, step_text, words};

const SOME_FAILED: i32 = 1;
const WRONG_USE: i32 = 2;
const CANNOT_LOAD: i32 = 3;

/// Transcribes a bad recording between two good ones.
#[track_caller]
fn bad_recording(name: &str, cause: &str) {
    bad_input("transcribe", "transcript", &data("cards-001.wav"), name, cause);
}

/// Captions a bad picture between two good ones.
#[track_caller]
fn bad_picture(name: &str, cause: &str) {
    bad_input("caption", "caption", &data("easyvqa-0.png"), name, cause);
}

#[track_caller]
fn bad_input(subcommand: &str, step: &str, good: &str, name: &str, cause: &str) {
    let bad = data(name);
    let run = edgefuse(["--quiet", "--format", "json", subcommand, good, &bad, good])
        .expect(SOME_FAILED)
        .expect_error(&[&bad, cause]);
    let lines = run.json();
    assert_eq!(lines.len(), 3, "{}", run.stdout);
    assert!(lines[0][step]["text"].is_string() && lines[2][step]["text"].is_string(), "{}", run.stdout);
    assert!(lines[1][step]["error"].as_str().unwrap().contains(cause), "{}", run.stdout);
}

/// A recording or picture that looks odd and is good.
#[track_caller]
fn good_input(subcommand: &str, step: &str, name: &str) -> String {
    let run = edgefuse(["--quiet", "--format", "json", subcommand, &data(name)]).expect(0);
    let lines = run.json();
    assert_eq!(lines.len(), 1, "{}", run.stdout);
    step_text(&lines[0], step).to_string()
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
fn recording_cut_off_in_the_middle_gives_what_is_there_and_a_warning() {
    let cut_off = data("bad/truncated.wav");
    let run = edgefuse(["--format", "json", "transcribe", &cut_off]).expect(0);
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
    for name in ["8-bit", "24-bit", "32-bit", "float"] {
        let transcript = good_input("transcribe", "transcript", &format!("formats/{name}.wav"));
        assert_eq!(words(&transcript), "10 of clubs", "{name}");
    }
}

#[test]
fn missing_picture() {
    bad_picture("not-there.png", "o such file");
}

#[test]
fn empty_picture() {
    bad_picture("bad/empty.png", "empty file");
}

#[test]
fn text_called_png() {
    bad_picture("bad/text.png", "not an image in a known format");
}

#[test]
fn corrupt_png() {
    bad_picture("bad/corrupt.png", "damaged");
}

#[test]
fn picture_header_that_asks_for_gigabytes() {
    bad_picture("bad/huge-30000x30000.png", "30000 x 30000 pixels");
}

#[test]
fn picture_of_one_pixel_is_good() {
    good_input("caption", "caption", "bad/pixel-1x1.png");
}

/// Runs a pipeline over a manifest whose second record of three is bad.
#[track_caller]
fn bad_record(name: &str, words: &[&str]) {
    let manifest = data(name);
    let run = edgefuse(["--quiet", "--format", "json", "run", &manifest]).expect(SOME_FAILED).expect_error(words);
    let good: Vec<_> = run.json().into_iter().filter(|line| line["caption"]["text"].is_string()).collect();
    assert_eq!(good.len(), 2, "{}", run.stdout);
    assert_eq!((&good[0]["id"], &good[1]["id"]), (&"good-1".into(), &"good-2".into()));
}

#[test]
fn malformed_line_in_a_manifest() {
    bad_record("bad/malformed.jsonl", &["bad/malformed.jsonl:2"]);
}

#[test]
fn record_without_a_modality() {
    bad_record("bad/no-modality.jsonl", &["bad/no-modality.jsonl:2", "none of image, audio and text"]);
}

#[test]
fn record_whose_picture_is_missing() {
    bad_record("bad/missing-image.jsonl", &["not-there.png", "o such file"]);
}

#[test]
fn missing_manifest() {
    let (manifest, picture) = (data("not-there.jsonl"), data("easyvqa-0.png"));
    let run = edgefuse(["--quiet", "--format", "json", "run", &manifest, &picture])
        .expect(SOME_FAILED)
        .expect_error(&[&manifest, "o such file"]);
    assert_eq!(run.json().iter().filter(|line| line["caption"]["text"].is_string()).count(), 1, "{}", run.stdout);
}

#[test]
fn empty_folder_of_inputs() {
    let folder = tempfile::tempdir().unwrap();
    let name = folder.path().to_str().unwrap();
    edgefuse(["--quiet", "run", name]).expect(SOME_FAILED).expect_error(&[name]);
}

/// A device file with one mistake.
#[track_caller]
fn bad_device_file(text: &str, words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("board.yaml");
    fs::write(&path, text).unwrap();
    let picture = data("easyvqa-0.png");
    edgefuse(["--config", path.to_str().unwrap(), "caption", &picture]).expect(WRONG_USE).expect_error(words);
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
    edgefuse(["--config", "no/such/board.yaml", "doctor"]).expect(WRONG_USE).expect_error(&["no/such/board.yaml"]);
}

#[test]
fn device_file_without_the_model_that_a_command_needs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("board.yaml");
    fs::write(&path, format!("device: board\nruntime: {{library: {}}}\n", library().display())).unwrap();
    let picture = data("easyvqa-0.png");
    edgefuse(["--config", path.to_str().unwrap(), "caption", &picture])
        .expect(WRONG_USE)
        .expect_error(&["board.yaml", "blip"]);
}

/// Captions a good picture with a model folder that cannot be used.
#[track_caller]
fn bad_model(folder: &Path, words: &[&str]) {
    let picture = data("easyvqa-0.png");
    edgefuse(["--quiet", "--model", folder.to_str().unwrap(), "caption", &picture])
        .expect(CANNOT_LOAD)
        .expect_error(words);
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
    bad_model(Path::new("whisper-tiny.en"), &["whisper-tiny.en", "whisper", "blip"]);
}

#[test]
fn flipped_byte_in_a_graph() {
    let folder = tempfile::tempdir().unwrap();
    let model = damaged_model("blip-easyvqa", folder.path(), &["vision.onnx"]);
    flip_a_byte(&model.join("vision.onnx"));
    bad_model(&model, &["vision.onnx", "SHA-256"]);
}

#[test]
fn flipped_byte_in_the_weights() {
    let folder = tempfile::tempdir().unwrap();
    let model = damaged_model("blip-easyvqa", folder.path(), &["vision.onnx.data"]);
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
    let model = damaged_model("blip-easyvqa", folder.path(), &[]);
    fs::remove_file(model.join("vision.onnx")).unwrap();
    bad_model(&model, &["vision.onnx", "o such file"]);
}

#[test]
fn tensor_that_the_graph_does_not_have() {
    let folder = tempfile::tempdir().unwrap();
    let model = damaged_model("blip-easyvqa", folder.path(), &["model.yaml"]);
    replace(&model.join("model.yaml"), "name: pixel_values", "name: pixels");
    bad_model(&model, &["vision.onnx", "`pixels`"]);
}

#[test]
fn unknown_key_in_a_model_description() {
    let folder = tempfile::tempdir().unwrap();
    let model = damaged_model("blip-easyvqa", folder.path(), &["model.yaml"]);
    replace(&model.join("model.yaml"), "tokenizer:", "tokeniser:");
    bad_model(&model, &["model.yaml", "tokeniser", "tokenizer"]);
}

fn replace(path: &Path, old: &str, new: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(old), "{old} is not in {}", path.display());
    fs::write(path, text.replace(old, new)).unwrap();
}

/// Captions a good picture with ORT_DYLIB_PATH naming something that cannot serve.
#[track_caller]
fn bad_library(path: &Path, words: &[&str]) {
    let picture = data("easyvqa-0.png");
    run(command().env("ORT_DYLIB_PATH", path).args(["--quiet", "caption", &picture]))
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
    // The C library is the one shared library that is on every machine.
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let libc = maps.split_whitespace().find(|word| word.contains("/libc.so")).expect("libc is mapped");
    bad_library(Path::new(libc), &[libc, "OrtGetApiBase"]);
}

#[test]
fn library_that_the_device_file_names_and_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("board.yaml");
    let model = root().join("onnx/blip-easyvqa");
    let text = "device: board\nruntime:\n  library: gone/libonnxruntime.so\nmodels:\n  blip: {path: MODEL}\n";
    fs::write(&path, text.replace("MODEL", model.to_str().unwrap())).unwrap();
    let picture = data("easyvqa-0.png");
    edgefuse(["--config", path.to_str().unwrap(), "caption", &picture])
        .expect(WRONG_USE)
        .expect_error(&["board.yaml:3:12", "gone/libonnxruntime.so"]);
}

#[test]
fn question_given_twice_or_not_at_all() {
    let picture = data("easyvqa-0.png");
    let recording = data("question-color.wav");
    edgefuse(["ask", &picture]).expect(WRONG_USE);
    edgefuse(["ask", &picture, "what is it?", "--audio", &recording]).expect(WRONG_USE);
}

#[test]
fn nothing_to_fuse() {
    edgefuse(["fuse"]).expect(WRONG_USE);
    edgefuse(["fuse", "--embeddings"]).expect(WRONG_USE);
}

/// A device file that asks for CUDA first, which the library of the set-up does not have.
fn device_file_with_cuda(folder: &Path, on_missing: &str) -> String {
    let path = folder.join("board.yaml");
    let text = "device: board\nruntime: {library: ROOT/lib/libonnxruntime.so, on_missing_provider: MISSING}\n\
                execution_providers: [tensorrt: {engine_cache: cache}, cuda, cpu]\nmodels:\n  blip: {path: ROOT/onnx/blip-easyvqa}\n";
    let text = text.replace("ROOT", root().to_str().unwrap()).replace("MISSING", on_missing);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_string()
}

#[test]
fn provider_that_the_library_does_not_have_is_said_aloud() {
    let folder = tempfile::tempdir().unwrap();
    let device = device_file_with_cuda(folder.path(), "fallback");
    let picture = data("easyvqa-0.png");
    let run = edgefuse(["--config", &device, "--format", "json", "caption", &picture]).expect(0);
    assert_eq!(run.json()[0]["caption"]["provider"], "cpu");
    for name in ["tensorrt", "cuda"] {
        let told = run.stderr.lines().filter(|line| line.starts_with("warn") && line.contains(name)).count();
        assert_eq!(told, 1, "{name} in: {}", run.stderr);
    }
    let report = edgefuse(["--config", &device, "--format", "json", "doctor"]).expect(0).json().remove(0);
    let loads: Vec<bool> =
        report["providers"].as_array().unwrap().iter().map(|provider| provider["loads"].as_bool().unwrap()).collect();
    assert_eq!(loads, [false, false, true], "{report}");
}

#[test]
fn provider_that_the_library_does_not_have_is_fatal_where_the_device_file_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let device = device_file_with_cuda(folder.path(), "error");
    let picture = data("easyvqa-0.png");
    edgefuse(["--config", &device, "caption", &picture])
        .expect(CANNOT_LOAD)
        .expect_error(&["tensorrt", "on_missing_provider"]);
}

#[test]
fn precision_that_the_model_does_not_have() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("board.yaml");
    let model = root().join("onnx/blip-easyvqa");
    let text = format!("device: board\nmodels:\n  blip: {{path: {}, precision: int8}}\n", model.display());
    fs::write(&path, text).unwrap();
    let picture = data("easyvqa-0.png");
    run(command().env("ORT_DYLIB_PATH", root().join("lib/libonnxruntime.so")).args([
        "--config",
        path.to_str().unwrap(),
        "caption",
        &picture,
    ]))
    .expect(CANNOT_LOAD)
    .expect_error(&["vision", "`int8`", "fp32"]);
}

#[test]
fn library_too_old_for_the_precision() {
    let oldest = root().join("build/oldest-onnxruntime/libonnxruntime.so");
    assert!(oldest.exists(), "{} is not there: run scripts/setup.sh test first", oldest.display());
    let clip = data("cards-001.wav");
    let folder = tempfile::tempdir().unwrap();
    let device = folder.path().join("board.yaml");
    let model = root().join("onnx/whisper-tiny.en");
    fs::write(&device, format!("device: board\nmodels: {{whisper: {{path: {}, precision: q8}}}}\n", model.display()))
        .unwrap();
    let named = ["--config", device.to_str().unwrap(), "transcribe", &clip];
    run(command().env("ORT_DYLIB_PATH", &oldest).args(named)).expect(CANNOT_LOAD).expect_error(&[
        "whisper-tiny.en/",
        "precision `q8` needs ONNX Runtime 1.22",
        "1.17.1",
        "int8",
    ]);
    run(command().env("ORT_DYLIB_PATH", &oldest).args(["--config", "configs/cpu-ort-1.17.yaml", "transcribe", &clip]))
        .expect(0);
}

#[test]
fn auto_passes_over_what_the_library_is_too_old_for() {
    let oldest = root().join("build/oldest-onnxruntime/libonnxruntime.so");
    let clip = data("cards-001.wav");
    let done = run(command().env("ORT_DYLIB_PATH", &oldest).args(["--format", "json", "transcribe", &clip])).expect(0);
    let chosen = &done.json()[0]["precision"]["whisper-tiny.en/decoder"];
    let chosen = chosen.as_str().unwrap_or_default();
    assert!(chosen.starts_with("fp32 ("), "{chosen}");
}

#[test]
fn precision_of_a_graph_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("board.yaml");
    let text = "device: board\nruntime: {library: ROOT/lib/libonnxruntime.so}\nmodels:\n  whisper: {path: ROOT/onnx/whisper-tiny.en, precision: {encodr: int8}}\n";
    fs::write(&path, text.replace("ROOT", root().to_str().unwrap())).unwrap();
    edgefuse(["--config", path.to_str().unwrap(), "transcribe", &data("cards-001.wav")]).expect(2).expect_error(&[
        "whisper-tiny.en",
        "`encodr`",
        "alignment, decoder, encoder",
    ]);
}

#[test]
fn model_larger_than_the_memory_budget() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("board.yaml");
    let text = "device: board\nruntime: {library: ROOT/lib/libonnxruntime.so, memory_budget: 1MiB}\nmodels:\n  blip: {path: ROOT/onnx/blip-easyvqa}\n";
    fs::write(&path, text.replace("ROOT", root().to_str().unwrap())).unwrap();
    let picture = data("easyvqa-0.png");
    edgefuse(["--config", path.to_str().unwrap(), "caption", &picture]).expect(CANNOT_LOAD).expect_error(&[
        "blip-easyvqa",
        "memory_budget",
        "1.0 MiB",
    ]);
}

#[test]
fn results_that_cannot_be_written() {
    let records = data("records.jsonl");
    for output in ["/dev/full", "/no/such/folder/results.jsonl"] {
        edgefuse(["run", &records, "--output", output]).expect(WRONG_USE).expect_error(&[output]);
    }
}

#[test]
fn results_that_would_replace_an_input() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("m.jsonl");
    fs::write(&manifest, "{\"text\": \"is there a circle?\"}\n").unwrap();
    let name = manifest.to_str().unwrap();
    edgefuse(["run", name, "--output", name]).expect(WRONG_USE).expect_error(&[name, "input"]);
    assert!(fs::read_to_string(&manifest).unwrap().contains("circle"));
}

#[test]
fn results_of_an_interrupted_run_are_not_wiped_and_ids_not_mixed_up() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("m.jsonl");
    let picture = root().join("tests/data/easyvqa-0.png").display().to_string();
    let record = |id: &str| format!("{{\"id\": \"{id}\", \"image\": \"{picture}\"}}\n");
    fs::write(&manifest, [record("a"), record("b"), record("a")].concat()).unwrap();
    let output = folder.path().join("out.jsonl");
    fs::write(folder.path().join("out.jsonl.partial"), "{\"id\":\"a\"}\n").unwrap();
    let (manifest, output) = (manifest.to_str().unwrap(), output.to_str().unwrap());

    edgefuse(["--quiet", "run", manifest, "--output", output]).expect(WRONG_USE).expect_error(&["partial", "--resume"]);
    edgefuse(["--quiet", "run", manifest, "--output", output, "--resume"])
        .expect(SOME_FAILED)
        .expect_error(&["earlier record has this id"]);
    let lines = fs::read_to_string(output).unwrap();
    assert_eq!(lines.lines().next(), Some("{\"id\":\"a\"}"), "the earlier result is kept: {lines}");
    assert!(lines.contains("a red triangle"), "the other record was done: {lines}");
}

#[test]
fn spoken_question_about_a_picture_that_cannot_be_read() {
    let picture = data("bad/corrupt.png");
    let run = edgefuse(["--quiet", "ask", &picture, "--audio", &data("question-color.wav")]).expect(SOME_FAILED);
    assert_eq!(run.stdout, "", "a transcript is not an answer");
    run.expect_error(&[&picture]);
}

#[test]
fn standard_error_that_cannot_be_written() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    run(command().args(["caption", &data("easyvqa-0.png"), &data("bad/empty.png")]).stderr(full)).expect(SOME_FAILED);
}

#[test]
fn doctor_tells_what_the_pipeline_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("board.yaml");
    let text = "device: board\nruntime: {library: ROOT/lib/libonnxruntime.so}\npipeline: [caption]\n";
    fs::write(&path, text.replace("ROOT", root().to_str().unwrap())).unwrap();
    let run = edgefuse(["--config", path.to_str().unwrap(), "doctor"]).expect(CANNOT_LOAD);
    assert!(run.stdout.contains("models.blip") && run.stdout.contains("cannot run"), "{}", run.stdout);
}

#[test]
fn flipped_byte_in_a_tokenizer() {
    let folder = tempfile::tempdir().unwrap();
    let model = damaged_model("blip-easyvqa", folder.path(), &["tokenizer.json"]);
    flip_a_byte(&model.join("tokenizer.json"));
    bad_model(&model, &["tokenizer.json", "SHA-256"]);
}

#[test]
fn model_description_with_absurd_numbers() {
    for (old, new, told) in [
        ("past, 32]", "past, 4611686018427387904]", "past_key"),
        ("caption_max_tokens: 20", "caption_max_tokens: 0", "generation"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let model = damaged_model("blip-easyvqa", folder.path(), &["model.yaml"]);
        replace(&model.join("model.yaml"), old, new);
        bad_model(&model, &["model.yaml", told]);
    }
}
