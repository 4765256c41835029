//! Students that see through encoders: which model computes their embeddings, and what is refused.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::binary::{Run, command, data, edgefuse, library, root, run};

const SOME_FAILED: i32 = 1;
const WRONG_USE: i32 = 2;
const UNUSABLE: i32 = 3;

const FIXTURES: &str = "tests/fixtures";
const TEXT: &str = "w5 w9 w23";

/// Copies a model folder, with changes to its `model.yaml`.
fn copy(from: &str, to: &Path, changes: &[(&str, &str)]) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(root().join(FIXTURES).join(from)).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
    let path = to.join("model.yaml");
    let text = changes.iter().fold(fs::read_to_string(&path).unwrap(), |text, (from, to)| {
        assert!(text.contains(from), "{from} is not in\n{text}");
        text.replacen(from, to, 1)
    });
    fs::write(path, text).unwrap();
}

/// A folder laid out like a clone, with the student, whose `model.yaml` is changed, and its encoders beside it.
fn board(folder: &Path, changes: &[(&str, &str)], models: &str, pipeline: &str) -> PathBuf {
    let onnx = folder.join("onnx");
    let beside =
        [("../../encoder/vit", "../eyes"), ("../../encoder/siglip", "../reader"), ("../../encoder/ear", "../ear")];
    copy("student/encoded", &onnx.join("student"), &[&beside[..], changes].concat());
    for (from, to) in [("vit", "eyes"), ("siglip", "reader"), ("ear", "ear")] {
        copy(&format!("encoder/{from}"), &onnx.join(to), &[]);
    }
    fs::create_dir_all(folder.join("configs")).unwrap();
    let path = folder.join("configs/board.yaml");
    let student = "  student: {path: onnx/student}\n";
    let models = if models.contains("student:") { models.to_string() } else { format!("{student}{models}") };
    fs::write(&path, format!("device: board\nmodels:\n{models}pipeline: {pipeline}\n")).unwrap();
    path
}

/// Runs the pipeline on the records.
fn process(config: &Path, records: &[Value], more: &[&str]) -> Run {
    let manifest = config.parent().unwrap().join("records.jsonl");
    fs::write(&manifest, records.iter().map(|record| format!("{record}\n")).collect::<String>()).unwrap();
    let words = ["--format", "json", "run"].map(str::to_string);
    let mut command = command();
    command.env("ORT_DYLIB_PATH", library()).arg("--config").arg(config).args(words).arg(&manifest).args(more);
    run(&mut command)
}

fn picture() -> Value {
    json!({"image": data_path("coffee.png")})
}

/// The absolute path of a file in tests/data.
fn data_path(name: &str) -> String {
    root().join(data(name)).display().to_string()
}

fn expected_features() -> Value {
    let text = fs::read_to_string(root().join(FIXTURES).join("encoder/vit/expected.json")).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["embedding"].clone()
}

#[track_caller]
fn assert_same(a: &Value, b: &Value) {
    let confidence = |line: &Value| line["fusion"]["confidence"].as_f64().unwrap_or_else(|| panic!("{line}"));
    assert_eq!(a["fusion"]["label"], b["fusion"]["label"], "{a}\n{b}");
    assert!((confidence(a) - confidence(b)).abs() < 1e-4, "{a}\n{b}");
}

#[test]
fn an_encoder_computes_what_a_record_lacks_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let config = board(folder.path(), &[], "", "[fuse]");
    let both = json!({"image": data_path("coffee.png"), "image_embedding": vec![0.1; 32], "text": TEXT});
    let vector = json!({"image_embedding": vec![0.1; 32], "text": TEXT});
    let records =
        [picture(), json!({"image_embedding": expected_features()}), both, vector, json!({"text": "x ".repeat(99)})];
    let lines = process(&config, &records, &[]).expect(SOME_FAILED).json();
    assert_eq!(lines[0]["fusion"]["encoders"], json!({"image": "tiny-vit"}));
    assert!(lines[1]["fusion"].get("encoders").is_none(), "{}", lines[1]);
    assert_same(&lines[0], &lines[1]);
    // The record's own vector wins.
    assert_same(&lines[2], &lines[3]);
    assert_eq!(lines[2]["fusion"]["encoders"], json!({"text": "tiny-siglip"}));
    let warnings = lines[2]["warnings"].to_string();
    assert!(warnings.contains("the image is not encoded, because the record has an image_embedding"), "{warnings}");
    assert!(lines[4].to_string().contains("tokens; the model accepts up to 16"), "{}", lines[4]);
}

#[test]
fn an_encoder_is_a_model_of_the_device_like_others() {
    let folder = tempfile::tempdir().unwrap();
    let doctor = |config: &Path| {
        let mut command = command();
        command.env("ORT_DYLIB_PATH", library()).arg("--config").arg(config).args(["--format", "json", "doctor"]);
        let report = run(&mut command).expect(0).json().remove(0);
        let keys = report["models"].as_array().unwrap().iter().map(|model| model["key"].as_str().unwrap().to_string());
        keys.collect::<Vec<_>>()
    };
    let config = board(folder.path(), &[], "", "[fuse]");
    assert_eq!(doctor(&config), ["student", "student.audio", "student.image", "student.text"]);
    // A listed folder is not loaded twice, and its run is shared.
    let config = board(folder.path(), &[], "  vision: {path: onnx/../onnx/eyes}\n", "[classify, fuse]");
    assert_eq!(doctor(&config), ["student", "student.audio", "student.text", "vision"]);
    let out = folder.path().join("out.jsonl");
    process(&config, &[picture()], &["--output", out.to_str().unwrap()]).expect(0);
    let line: Value = serde_json::from_str(fs::read_to_string(&out).unwrap().trim()).unwrap();
    let made_with = line["made_with"].as_str().unwrap();
    assert!(line.get("classes").is_some() && line["fusion"]["encoders"]["image"] == "tiny-vit", "{line}");
    for model in ["models.vision-", "models.student-", "models.student.text-"] {
        assert!(made_with.contains(model), "{made_with}");
    }
    // An encoder that only a student names is not chosen for a task.
    let config = board(folder.path(), &[], "", "[classify]");
    process(&config, &[picture()], &[]).expect(WRONG_USE).expect_error(&["can classify, and none under `models` can"]);
}

#[test]
fn an_encoder_that_does_not_suit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (from, to, expected) in [
        ("../eyes", "../gone", &["no model folder", "gone", "image_embedding.made_by"][..]),
        ("../eyes", "../ear", &["image_embedding.made_by: ear (kind `encoder`", "computes no features of `image`"]),
        ("../eyes", "../student", &["encoded (kind `student`", "computes no features of `image`"]),
        ("../eyes", "./.", &["encoded (kind `student`", "computes no features of `image`"]),
        ("../eyes", "../clip", &["tiny-clip", "computes 16 numbers, but encoded accepts 32"]),
        ("../eyes", "../reader", &["tiny-siglip", "differs in weights", "models.student.encoders.image"]),
        ("weights: {fp32: cb7b", "weights: {fp32: zz7b", &["image_embedding.weights.fp32: `zz7b", "hexadecimal"]),
    ] {
        let config = board(folder.path(), &[(from, to)], "", "[fuse]");
        copy("encoder/clip", &folder.path().join("onnx/clip"), &[]);
        process(&config, &[picture()], &[]).expect(UNUSABLE).expect_error(expected);
        let mut doctor = command();
        doctor.env("ORT_DYLIB_PATH", library()).arg("--config").arg(&config).arg("doctor");
        run(&mut doctor).expect(UNUSABLE);
        if !expected[0].contains("weights.fp32") {
            // Nobody needs the encoder of a record with a vector.
            process(&config, &[json!({"image_embedding": expected_features()})], &[]).expect(0);
        }
    }
}

#[test]
fn the_device_file_chooses_another_encoder() {
    let folder = tempfile::tempdir().unwrap();
    let choose = |encoders: &str| {
        format!(
            "  student: {{path: onnx/student, encoders: {{{encoders}}}}}\n  vision: {{path: onnx/reader}}\n  ear: {{path: onnx/ear}}\n"
        )
    };
    let config = board(folder.path(), &[], &choose("image: vision"), "[fuse: {model: student}]");
    let line = process(&config, &[picture()], &[]).expect(0).json().remove(0);
    assert_eq!(line["fusion"]["encoders"], json!({"image": "tiny-siglip"}));
    assert!(line["warnings"].to_string().contains("differs in weights from the encoder"), "{line}");
    // Words describe an encoder that the device file must name.
    let words = [("../eyes", "a vision transformer")];
    let config = board(folder.path(), &words, &choose(""), "[fuse]");
    let line = process(&config, &[picture()], &[]).expect(0).json().remove(0);
    assert!(line.get("fusion").is_none(), "{line}");
    for (encoders, code, expected) in [
        ("image: nobody", WRONG_USE, "models.student.encoders.image: `nobody`: there is no such model"),
        ("image: student", WRONG_USE, "a model cannot be its own encoder"),
        ("image: ear", UNUSABLE, "models.student.encoders.image: ear (kind `encoder`"),
    ] {
        let config = board(folder.path(), &[], &choose(encoders), "[fuse]");
        process(&config, &[picture()], &[]).expect(code).expect_error(&[expected]);
    }
    let config = board(folder.path(), &[], "  vision: {path: onnx/eyes, encoders: {text: student}}\n", "[classify]");
    let mut doctor = command();
    doctor.env("ORT_DYLIB_PATH", library()).arg("--config").arg(&config).arg("doctor");
    let told = run(&mut doctor).expect(UNUSABLE);
    assert!(
        told.stdout.contains("models.vision.encoders.text: tiny-vit does not accept `text_embedding`"),
        "{}",
        told.stdout
    );
}

#[test]
fn a_bundle_contains_the_encoders() {
    let folder = tempfile::tempdir().unwrap();
    let clone = folder.path().join("clone");
    let config = board(&clone, &[], "", "[fuse]");
    let target = if cfg!(target_arch = "aarch64") { "aarch64" } else { "x86_64" };
    let out = folder.path().join("board.tar.zst");
    let mut pack = command();
    pack.arg("--config").arg(&config).args(["--format", "json", "bundle", "--target", target, "--out"]).arg(&out);
    // Any program will do, and a small one is packed sooner.
    pack.args(["--binary", "/bin/true"]);
    let packed = run(pack.arg("--library").arg(library())).expect(0).json().remove(0);
    let files = packed["files"].to_string();
    for file in
        ["onnx/eyes/picture.onnx", "onnx/reader/text.onnx.data", "onnx/ear/model.yaml", "onnx/student/model.yaml"]
    {
        assert!(files.contains(file), "{file} is not in {files}");
    }
    // An encoder elsewhere could not be found on the board.
    let config = board(&clone, &[("../eyes", "../../../away")], "", "[fuse]");
    copy("encoder/vit", &folder.path().join("away"), &[]);
    let mut pack = command();
    pack.arg("--config").arg(&config).args(["bundle", "--target", target, "--out"]).arg(&out);
    run(pack.arg("--library").arg(library())).expect(WRONG_USE).expect_error(&["must be relative and below", "away"]);
}

#[test]
fn the_command_fuse_uses_encoders_too() {
    let model = format!("{FIXTURES}/student/encoded");
    let words = ["--quiet", "--format", "json", "--model", &model, "fuse"];
    let image = data("coffee.png");
    let line = edgefuse(words.iter().chain(&["--image", &image, "--text", TEXT])).expect(0).json().remove(0);
    assert_eq!(line["fusion"]["modalities"], json!(["image", "text"]));
    edgefuse(words.iter().chain(&["--sensors", "1"])).expect(SOME_FAILED).expect_error(&["does not accept sensors"]);
}
