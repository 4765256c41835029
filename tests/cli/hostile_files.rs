//! Untrusted device files and model folders: one line of error at once, and only listed files are opened.

use std::fs;
use std::path::Path;
use std::process::Command;

use sha2::{Digest, Sha256};

use crate::binary::{Run, command, damaged_model, data, edgefuse, root, run};

/// Captions a picture with this device file.
fn caption(device: &Path) -> Run {
    run(command().arg("--config").arg(device).arg("--quiet").arg("caption").arg(data("easyvqa-0.png")))
}

/// A device file with BLIP, followed by `text`.
fn device(folder: &Path, text: &str) -> std::path::PathBuf {
    let path = folder.join("board.yaml");
    let (library, model) = (crate::binary::library(), root().join("onnx/blip-easyvqa"));
    let head = format!("device: x\nruntime: {{library: {}}}\n", library.display());
    fs::write(&path, head + &text.replace("MODEL", model.to_str().unwrap())).unwrap();
    path
}

#[test]
fn extends_reads_regular_files_only() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Command::new("mkfifo").arg(folder.path().join("pipe")).status().unwrap().success());
    for file in ["/dev/zero", "pipe", "/"] {
        let path = device(folder.path(), &format!("extends: {file}\n"));
        caption(&path).expect(2).expect_error(&["board.yaml:3:10: extends: ", file, "it is "]);
    }
    fs::write(folder.path().join("large.yaml"), vec![b'#'; (1 << 20) + 1]).unwrap();
    let path = device(folder.path(), "extends: large.yaml\n");
    caption(&path).expect(2).expect_error(&["board.yaml:3:10: extends: ", "large.yaml", "larger than 1 MiB"]);
}

#[test]
fn nesting_and_aliases_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let nested = format!("pipeline: {}{}\n", "[".repeat(80_000), "]".repeat(80_000));
    caption(&device(folder.path(), &nested)).expect(2).expect_error(&["board.yaml:3: more than 8192 opening brackets"]);
    let texts = format!("x-a: &a {}\npipeline: [match: {{texts: [{}]}}]\n", "x".repeat(400_000), "*a, ".repeat(90_000));
    caption(&device(folder.path(), &texts)).expect(2).expect_error(&["board.yaml:", "aliases"]);
}

#[test]
fn a_byte_order_mark_and_merge_keys_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let text = "x-small: &small {precision: int8}\nmodels: {blip: {<<: *small, path: MODEL, precision: fp32}}\n";
    let path = device(folder.path(), text);
    let whole = [b"\xef\xbb\xbf".to_vec(), fs::read(&path).unwrap()].concat();
    fs::write(&path, whole).unwrap();
    caption(&path).expect(0);
    let merged = device(folder.path(), "x-wrong: &w {precision: q99}\nmodels: {blip: {<<: [*w], path: MODEL}}\n");
    caption(&merged).expect(3).expect_error(&["q99"]);
    let unknown = device(folder.path(), "models:\n  blip:\n    <<: {path: MODEL}\n    presicion: int8\n");
    caption(&unknown).expect(2).expect_error(&["board.yaml:6:", "unknown field `presicion`"]);
}

#[test]
fn a_tokenizer_of_another_model_is_refused_when_it_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    for (name, other, words) in [
        ("blip-easyvqa", "whisper-tiny.en", "it belongs to another model"),
        ("whisper-tiny.en", "blip-easyvqa", "it belongs to another model"),
    ] {
        let model = damaged_model(name, folder.path(), &["model.yaml", "tokenizer.json"]);
        let tokenizer = fs::read(root().join("onnx").join(other).join("tokenizer.json")).unwrap();
        list(&model, "tokenizer.json", &tokenizer);
        let (command, input) =
            if name.starts_with("blip") { ("caption", "easyvqa-0.png") } else { ("transcribe", "cards-001.wav") };
        edgefuse(["--quiet", "--model", model.to_str().unwrap(), command, &data(input)])
            .expect(3)
            .expect_error(&["tokenizer.json", words]);
        let checked = edgefuse(["check", model.to_str().unwrap()]).expect(3).expect_error(&["tokenizer.json", words]);
        assert_eq!(checked.stdout, "");
    }
}

#[test]
fn check_reports_every_folder() {
    let folder = tempfile::tempdir().unwrap();
    let model = damaged_model("blip-easyvqa", folder.path(), &["model.yaml", "vision.onnx"]);
    let mut graph = fs::read(model.join("vision.onnx")).unwrap();
    // The same length, another file.
    let name = b"vision.onnx.data";
    let places: Vec<usize> = (0..graph.len() - name.len()).filter(|&at| graph[at..].starts_with(name)).collect();
    assert!(!places.is_empty());
    for at in places {
        graph[at..at + name.len()].copy_from_slice(b"../x/y/onnx.data");
    }
    list(&model, "vision.onnx", &graph);
    let good = root().join("onnx/silero-vad");
    let run = edgefuse(["--format", "json", "check", model.to_str().unwrap(), good.to_str().unwrap()])
        .expect(3)
        .expect_error(&["vision.onnx", "`../x/y/onnx.data`, but may only be in `vision.onnx.data`"]);
    let lines = run.json();
    assert_eq!((&lines[0]["ok"], &lines[1]["ok"]), (&false.into(), &true.into()), "{}", run.stdout);
    assert!(lines[0]["error"].as_str().unwrap().contains("vision.onnx") && lines[1]["error"].is_null());
}

#[test]
fn numeric_ids_name_a_record() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("m.jsonl");
    let picture = data("easyvqa-0.png");
    let line = |id: &str| format!("{{\"id\": {id}, \"image\": \"{picture}\"}}\r\n");
    let lines = ["5", "18446744073709551615", "-3", "null", "1.5", "[1]"].map(line).concat();
    let twice = format!("\r\n{{\"id\": 1, \"id\": 2, \"image\": \"{picture}\"}}\r\n");
    fs::write(&manifest, [b"\xef\xbb\xbf", lines.as_bytes(), twice.as_bytes()].concat()).unwrap();
    let device = device(folder.path(), "models: {blip: {path: MODEL}}\npipeline: [caption]\n");
    let run = run(command().arg("--config").arg(&device).args(["--quiet", "--format", "json", "run"]).arg(&manifest));
    let results = run.expect(1).json();
    let ids: Vec<&str> = results.iter().map(|line| line["id"].as_str().unwrap()).collect();
    assert_eq!(ids[..3], ["5", "18446744073709551615", "-3"]);
    assert!(ids[3].ends_with("m.jsonl:4") && results[3]["error"].is_null());
    for (at, problem) in
        [(4, "invalid type: number `1.5`"), (5, "a string, or an integer"), (6, "duplicate field `id`")]
    {
        assert!(results[at]["error"].as_str().unwrap().contains(problem), "{}", results[at]);
    }
}

/// Replaces a file of a model folder and lists it with its hash.
fn list(model: &Path, name: &str, bytes: &[u8]) {
    fs::write(model.join(name), bytes).unwrap();
    let path = model.join("model.yaml");
    let mut yaml: serde_yaml::Value = serde_yaml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let sha256: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    yaml["files"][name] = serde_yaml::to_value(serde_json::json!({"sha256": sha256, "bytes": bytes.len()})).unwrap();
    fs::write(&path, serde_yaml::to_string(&yaml).unwrap()).unwrap();
}
