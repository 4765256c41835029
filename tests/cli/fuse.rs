//! `fuse` with students for sensors, embeddings, text, pictures and sound, compared with PyTorch; and bad input.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::binary::{Run, data, edgefuse, root};

const SOME_FAILED: i32 = 1;
const WRONG_USE: i32 = 2;
const READINGS: &str = r#"{"temperature": 26.5, "humidity": 31}"#;

fn student(name: &str) -> String {
    format!("tests/fixtures/student/{name}")
}

fn fuse(name: &str, arguments: &[&str]) -> Run {
    let model = student(name);
    edgefuse(["--quiet", "--format", "json", "--model", &model, "fuse", "--embeddings"].iter().chain(arguments))
}

/// PyTorch's results for a student, case by case.
pub fn cases(name: &str) -> Vec<Value> {
    let text = fs::read_to_string(root().join(student("expected.json"))).unwrap();
    let mut all: Map<String, Value> = serde_json::from_str(&text).unwrap();
    let Value::Array(cases) = all.remove(name).unwrap() else { panic!("no cases of {name}") };
    assert!(cases.len() > 1);
    cases
}

#[track_caller]
pub fn assert_close(found: &Value, expected: &Value, what: &str) {
    let numbers = |value: &Value| value.as_array().unwrap().iter().map(|it| it.as_f64().unwrap()).collect::<Vec<_>>();
    let (found, expected) = (numbers(found), numbers(expected));
    assert_eq!(found.len(), expected.len(), "{what}");
    for (a, b) in found.iter().zip(&expected) {
        assert!((a - b).abs() < 2e-4, "{what}: {found:?}, and PyTorch has {expected:?}");
    }
}

#[track_caller]
fn assert_decision(line: &Value, case: &Value) {
    let what = case["given"].to_string();
    for entry in line["fusion"]["probabilities"].as_array().unwrap() {
        let expected = &case["probabilities"][entry[0].as_str().unwrap()];
        assert_close(&json!([entry[1]]), &json!([expected]), &what);
    }
}

/// Every case as command-line arguments; embeddings are passed in files in `folder`.
fn arguments(given: &Value, folder: &Path) -> Vec<String> {
    let mut words = Vec::new();
    for (key, value) in given.as_object().unwrap() {
        words.push(format!("--{}", key.replace('_', "-")));
        words.push(match value {
            Value::String(text) => text.clone(),
            Value::Array(_) => {
                let path = folder.join(key);
                fs::write(&path, value.to_string()).unwrap();
                path.display().to_string()
            }
            readings => readings.to_string(),
        });
    }
    words
}

#[test]
fn decides_as_pytorch_does_with_everything_and_with_each_modality_alone() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["embedded", "raw", "encoded"] {
        for case in cases(name) {
            let words = arguments(&case["given"], folder.path());
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let line = fuse(name, &words).expect(0).json().remove(0);
            assert_decision(&line, &case);
            assert_close(&line["fusion"]["embeddings"]["fused"], &case["embedding"], "fused");
            let modalities = case["embeddings"].as_object().unwrap();
            assert_eq!(line["fusion"]["modalities"].as_array().unwrap().len(), modalities.len());
            for (modality, embedding) in modalities {
                assert_close(&line["fusion"]["embeddings"][modality], embedding, modality);
            }
        }
    }
}

/// A device file with one of the students and the step `fuse`.
fn device(folder: &Path, name: &str, step: &str) -> String {
    let (path, library) = (folder.join("device.yaml"), crate::binary::library());
    let text = format!(
        "device: test\nruntime: {{library: {}}}\nmodels: {{student: {{path: {}}}}}\npipeline: [{step}]\n",
        library.display(),
        root().join(student(name)).display()
    );
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn records_of_a_manifest_carry_sensors_and_embeddings() {
    let folder = tempfile::tempdir().unwrap();
    let case = &cases("embedded")[0];
    let image = &case["given"]["image_embedding"];
    fs::write(folder.path().join("image.json"), image.to_string()).unwrap();
    let given = |sensors: Value, image: Value, text: Value| {
        json!({"sensors": sensors, "image_embedding": image, "text_embedding": text}).to_string()
    };
    let text = case["given"]["text_embedding"].clone();
    let lines = [
        given(json!({"humidity": 31, "temperature": 26.5}), json!("image.json"), text.clone()),
        given(json!([26.5, 31]), image.clone(), text.clone()),
        given(json!([26.5]), image.clone(), text.clone()),
        given(json!("26.5"), image.clone(), text),
        json!({"sensors": [26.5, 31], "text_embedding": "none.npy"}).to_string(),
    ];
    let manifest = folder.path().join("records.jsonl");
    fs::write(&manifest, lines.join("\n")).unwrap();
    let (device, manifest) = (device(folder.path(), "embedded", "fuse"), manifest.display().to_string());
    let run = edgefuse(["--quiet", "--format", "json", "--config", &device, "run", &manifest]).expect(SOME_FAILED);
    let results = run.json();
    assert_decision(&results[0], case);
    assert_decision(&results[1], case);
    let problem = |at: usize| results[at].to_string();
    assert!(problem(2).contains("1 numbers; the student accepts 2: temperature (°C), humidity (%)"), "{}", problem(2));
    assert!(problem(3).contains("records.jsonl:4: malformed record: sensors must be an object"), "{}", problem(3));
    assert!(problem(4).contains("none.npy: cannot be read"), "{}", problem(4));
}

#[test]
fn a_run_keeps_embeddings_where_they_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let case = &cases("embedded")[0];
    let manifest = folder.path().join("records.jsonl");
    fs::write(&manifest, case["given"].to_string()).unwrap();
    let (manifest, out) = (manifest.display().to_string(), folder.path().join("out.jsonl"));
    let results = |step: &str, more: &[&str]| -> Value {
        let device = device(folder.path(), "embedded", step);
        let words = ["--quiet", "--config", &device, "run", &manifest, "--output", out.to_str().unwrap()];
        edgefuse(words.iter().chain(more)).expect(0);
        serde_json::from_str(&fs::read_to_string(&out).unwrap()).unwrap()
    };
    assert!(results("fuse", &[])["fusion"]["embeddings"].is_null());
    for line in [results("fuse", &["--embeddings"]), results("fuse: {embeddings: true}", &[])] {
        assert_close(&line["fusion"]["embeddings"]["fused"], &case["embedding"], "fused");
        for (modality, embedding) in case["embeddings"].as_object().unwrap() {
            assert_close(&line["fusion"]["embeddings"][modality], embedding, modality);
        }
    }
    let none = device(folder.path(), "embedded", "transcribe");
    let run = edgefuse(["--config", &none, "run", &manifest, "--embeddings"]).expect(WRONG_USE);
    run.expect_error(&["--embeddings", "device.yaml", "`fuse` or `match`"]);
}

#[test]
fn what_a_student_does_not_take_is_left_out_of_a_run_and_an_error_where_it_is_strict() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("records.jsonl");
    fs::write(&manifest, r#"{"id": "a", "sensors": [26.5, 31], "text": "words"}"#).unwrap();
    let manifest = manifest.display().to_string();
    let lax = device(folder.path(), "embedded", "fuse");
    let run = edgefuse(["--format", "json", "--config", &lax, "run", &manifest]).expect(0);
    assert!(run.stderr.contains("does not accept text; it accepts sensors, image_embedding"), "{}", run.stderr);
    assert_eq!(run.json()[0]["fusion"]["modalities"], json!(["sensors"]));
    let strict = device(folder.path(), "embedded", "fuse: {strict: true}");
    edgefuse(["--quiet", "--config", &strict, "run", &manifest])
        .expect(SOME_FAILED)
        .expect_error(&["does not accept text"]);
}

#[test]
fn readings_come_by_name_in_order_or_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("readings.json");
    fs::write(&file, READINGS).unwrap();
    let cases = cases("raw");
    let case = cases.iter().find(|case| case["given"].as_object().unwrap().keys().eq(["sensors"])).unwrap();
    for readings in [READINGS, "[26.5, 31]", "26.5,31", " 26.5 , 31.0", file.to_str().unwrap()] {
        assert_decision(&fuse("raw", &["--sensors", readings]).expect(0).json()[0], case);
    }
    assert_decision(&fuse("raw", &["--sensors", "-26.5,31"]).expect(0).json()[0].clone(), &{
        // Checks only that a minus sign is not a flag: another reading leads to another decision.
        let line = fuse("raw", &["--sensors=-26.5,31"]).expect(0).json().remove(0);
        let entries = line["fusion"]["probabilities"].as_array().unwrap().clone();
        let by_name: Map<String, Value> =
            entries.iter().map(|entry| (entry[0].as_str().unwrap().to_string(), entry[1].clone())).collect();
        json!({"given": "-26.5", "probabilities": by_name})
    });
}

#[test]
fn bad_readings() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let prose = file("prose.txt", "it is warm");
    let wrong = file("wrong.json", r#"{"temperature": "warm"}"#);
    for (readings, code, expected) in [
        ("26.5", SOME_FAILED, "1 numbers; the student accepts 2: temperature (°C), humidity (%)"),
        ("26.5,31,2", SOME_FAILED, "3 numbers; the student accepts 2"),
        (r#"{"temperature": 1}"#, SOME_FAILED, "`humidity` is missing"),
        (r#"{"temperature": 1, "humidity": 2, "wind": 3}"#, SOME_FAILED, "no sensor `wind`; the student accepts"),
        ("nan,31", SOME_FAILED, "temperature is NaN, which is not a valid reading"),
        ("26.5,inf", SOME_FAILED, "humidity is inf, which is not a valid reading"),
        ("1e300,31", SOME_FAILED, "which is not a valid reading"),
        (r#"{"temperature": null, "humidity": 2}"#, WRONG_USE, "must be an object of numbers by name"),
        (r#"{"temperature": "#, WRONG_USE, "--sensors"),
        (" ", WRONG_USE, "--sensors: no readings"),
        ("[[[[1]]]]", WRONG_USE, "must be an object of numbers by name"),
        ("no/such/file.json", SOME_FAILED, "no/such/file.json: cannot be read"),
        ("tests", SOME_FAILED, "tests: cannot read: it is a directory"),
        (&prose, SOME_FAILED, "neither a JSON object of numbers by name nor a list"),
        (&wrong, SOME_FAILED, "wrong.json: sensors must be an object of numbers"),
    ] {
        fuse("raw", &["--sensors", readings]).expect(code).expect_error(&[expected]);
    }
}

#[test]
fn bad_embeddings() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let numbers = |count: usize| format!("[{}]", vec!["0.5"; count].join(", "));
    let mut npy = b"\x93NUMPY\x01\x00".to_vec();
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (24,), }\n";
    npy.extend((header.len() as u16).to_le_bytes());
    npy.extend(header.as_bytes());
    let values = |last: f32| [0.5f32; 23].into_iter().chain([last]).flat_map(f32::to_le_bytes).collect::<Vec<u8>>();
    fuse("embedded", &["--text-embedding", &file("good.npy", &[&npy[..], &values(0.5)].concat())]).expect(0);
    for (content, expected) in [
        (numbers(23).into_bytes(), "text_embedding: 23 numbers; the student accepts 24, made by a sentence encoder"),
        ([&npy[..], &values(f32::NAN)].concat(), "text_embedding: number 24 is NaN"),
        ([&npy[..], &values(0.0)[..50]].concat(), "is cut off"),
        (b"RIFF".to_vec(), "neither a .npy file nor a JSON list of numbers"),
        (b"[1e39]".to_vec(), "text_embedding"),
        (Vec::new(), "is an empty file"),
    ] {
        fuse("embedded", &["--text-embedding", &file("bad", &content)]).expect(SOME_FAILED).expect_error(&[expected]);
    }
    fuse("embedded", &["--image-embedding", "no/such.npy"]).expect(SOME_FAILED).expect_error(&["no/such.npy"]);
}

#[test]
fn modalities_that_a_student_has_not() {
    let picture = data("easyvqa-23.png");
    for (name, arguments, expected) in [
        (
            "embedded",
            ["--image", &picture],
            "does not accept image; it accepts sensors, image_embedding, text_embedding",
        ),
        ("embedded", ["--text", "words"], "does not accept text;"),
        ("embedded", ["--audio", &data("question-color.wav")], "does not accept audio;"),
        (
            "raw",
            ["--text-embedding", &picture],
            "does not accept text_embedding; it accepts text, sensors, image, audio",
        ),
    ] {
        fuse(name, &arguments).expect(SOME_FAILED).expect_error(&[expected]);
    }
}

#[test]
fn a_model_folder_that_does_not_fit_its_graph() {
    let folder = tempfile::tempdir().unwrap();
    for (from, to, expected) in [
        ("mean: 20.0", "mean: .nan", "temperature: mean and std must be numbers"),
        ("std: 5.0", "std: 0.0", "and std not zero"),
        ("length: 24", "length: 25", "text_embedding.shape: is [batch, 24], but must be [batch, 25]"),
        (
            "modalities: [sensors, image, text]",
            "modalities: [sensors, image]",
            "presence.shape: is [batch, 3], but must be [batch, 2]",
        ),
        ("unit: '%', ", "units: '%', ", "unknown field `units`"),
    ] {
        let model = folder.path().join("model");
        fs::create_dir_all(&model).unwrap();
        let source = root().join(student("embedded"));
        fs::copy(source.join("student.onnx"), model.join("student.onnx")).unwrap();
        let text = fs::read_to_string(source.join("model.yaml")).unwrap();
        assert!(text.contains(from), "{from} is not in model.yaml");
        fs::write(model.join("model.yaml"), text.replacen(from, to, 1)).unwrap();
        edgefuse(["--quiet", "--model", model.to_str().unwrap(), "fuse", "--sensors", "1,2"])
            .expect(WRONG_USE + 1)
            .expect_error(&["model.yaml", expected]);
    }
}
