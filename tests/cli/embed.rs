//! The step `embed`: the embeddings of `match`, `fuse` and PyTorch; what models do not embed; the choice of a model.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::binary::{Run, data, edgefuse, library, root, tiny};
use crate::fuse::{assert_close, cases};

const SOME_FAILED: i32 = 1;
const WRONG_USE: i32 = 2;

const BLIP: &str = "tests/fixtures/blip/random";
const STUDENT: &str = "tests/fixtures/student/raw";

/// Runs `steps` on `records` with `models`, each a name and a folder.
fn run(models: &[(&str, &str)], steps: &str, records: &[Value]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let (device, manifest) = (folder.path().join("device.yaml"), folder.path().join("records.jsonl"));
    let entry = |(name, path): &(&str, &str)| format!("{name}: {{path: {}}}", root().join(path).display());
    let models: Vec<String> = models.iter().map(entry).collect();
    let (library, models) = (library().display().to_string(), models.join(", "));
    let text = format!("device: test\nruntime: {{library: {library}}}\nmodels: {{{models}}}\npipeline: [{steps}]\n");
    fs::write(&device, text).unwrap();
    fs::write(&manifest, records.iter().map(|record| format!("{record}\n")).collect::<String>()).unwrap();
    let paths = [&device, &manifest].map(|path| path.to_str().unwrap());
    edgefuse(["--quiet", "--format", "json", "--config", paths[0], "run", paths[1]])
}

/// The path of a file in `tests/data`, for manifests elsewhere.
fn file(name: &str) -> String {
    root().join(data(name)).display().to_string()
}

/// A record of PyTorch's cases, with absolute paths.
fn record(given: &Value) -> Value {
    let mut record = given.clone();
    for key in ["image", "audio"] {
        if let Some(path) = given[key].as_str() {
            record[key] = root().join(path).display().to_string().into();
        }
    }
    record
}

#[test]
fn a_students_embeddings_are_those_of_fuse_and_of_pytorch() {
    for case in cases("raw") {
        let record = record(&case["given"]);
        let line =
            run(&[("student", STUDENT)], "fuse: {embeddings: true}, embed", &[record]).expect(0).json().remove(0);
        let mut compared = 0;
        for modality in ["image", "text", "audio"] {
            assert_eq!(line["embed"].get(modality), line["fusion"]["embeddings"].get(modality), "{modality}: {line}");
            if let Some(expected) = case["embeddings"].get(modality) {
                assert_close(&line["embed"][modality], expected, modality);
                assert_eq!((&line["embed"]["model"], &line["embed"]["dimensions"]), (&"raw".into(), &8.into()));
                assert!(line["embed"]["ms"].as_f64().unwrap() > 0.0, "{line}");
                compared += 1;
            }
        }
        // Readings alone are nothing to embed.
        assert_eq!(compared == 0, line["embed"].is_null(), "{line}");
    }
}

#[test]
fn a_blips_embeddings_are_those_of_match() {
    let both = json!({"image": file("easyvqa-23.png"), "text": "a red circle"});
    let alone = [json!({"image": file("easyvqa-23.png")}), json!({"text": "a red circle"})];
    let blip = [("blip", BLIP)];
    for steps in ["match: {embeddings: true}, embed", "embed, match: {embeddings: true}"] {
        let line = run(&blip, steps, std::slice::from_ref(&both)).expect(0).json().remove(0);
        let (found, matched) = (&line["embed"], &line["match"]["embeddings"]);
        assert_eq!((&found["image"], &found["text"]), (&matched["image"], &matched["texts"][0]), "{line}");
        assert_eq!((&found["dimensions"], &found["text_tokens"]), (&8.into(), &5.into()), "{line}");
        let lines = run(&blip, "embed", &alone).expect(0).json();
        assert_eq!((&lines[0]["embed"]["image"], &lines[1]["embed"]["text"]), (&found["image"], &found["text"]));
        assert_eq!((lines[0]["embed"].get("text"), lines[1]["embed"].get("image")), (None, None));
    }
}

/// For every shipped model that embeds: its embeddings of pictures and texts can be compared.
#[test]
fn the_shipped_models_place_a_picture_at_its_caption() {
    let texts: Vec<String> = ["red", "blue", "green", "teal", "gray", "black", "brown", "yellow"]
        .iter()
        .flat_map(|color| ["circle", "rectangle", "triangle"].map(|shape| format!("a {color} {shape}")))
        .collect();
    let records: Vec<Value> =
        texts.iter().map(|text| json!({"text": text})).chain([json!({"image": file("easyvqa-23.png")})]).collect();
    for model in ["onnx/blip-easyvqa", "onnx/student"] {
        let lines = run(&[("shipped", model)], "embed", &records).expect(0).json();
        let numbers = |line: &Value, key: &str| -> Vec<f64> {
            line["embed"][key].as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
        };
        let image = numbers(&lines[texts.len()], "image");
        let similarity =
            |at: usize| -> f64 { numbers(&lines[at], "text").iter().zip(&image).map(|(a, b)| a * b).sum() };
        let nearest = (0..texts.len()).max_by(|a, b| similarity(*a).total_cmp(&similarity(*b))).unwrap();
        assert_eq!(texts[nearest], "a blue rectangle", "{model}");
        let squares: f64 = image.iter().map(|number| number * number).sum();
        assert!((squares - 1.0).abs() < 1e-5, "{model}: {squares}");
    }
}

#[test]
fn what_a_model_does_not_embed_is_left_out_with_a_warning_or_an_error() {
    let sound = file("question-color.wav");
    let records = [
        json!({"id": "a", "image": file("easyvqa-23.png"), "audio": sound}),
        json!({"id": "b", "audio": sound}),
        json!({"id": "c", "sensors": [1, 2]}),
        json!({"id": "d", "text": "w10 ".repeat(100)}),
        json!({"id": "e", "image": file("README.md")}),
    ];
    let lines = run(&[("blip", BLIP)], "embed", &records).expect(SOME_FAILED).json();
    assert_eq!(lines[0]["embed"]["image"].as_array().unwrap().len(), 8);
    let warning = "a: random does not embed audio; it embeds image, text: the input is left out";
    assert_eq!(lines[0]["warnings"], json!([warning]));
    assert_eq!(lines[1]["embed"], json!({"error": "random does not embed audio; it embeds image, text"}));
    assert!(lines[2].get("embed").is_none(), "{}", lines[2]);
    let problem = |at: usize| lines[at]["embed"]["error"].as_str().unwrap().to_string();
    assert!(problem(3).contains("has 102 tokens; the model accepts"), "{}", problem(3));
    assert!(problem(4).contains("README.md"), "{}", problem(4));
}

#[test]
fn a_step_chooses_among_models_that_embed() {
    let models = [("eyes", BLIP), ("judge", STUDENT), ("distant", "tests/fixtures/student/embedded")];
    let record = [json!({"text": "a red circle"})];
    run(&models, "embed", &record)
        .expect(WRONG_USE)
        .expect_error(&["`eyes` and `judge` can embed; choose one with the option `model` of `embed`"]);
    for (name, made_by) in [("eyes", "random"), ("judge", "raw")] {
        let line = run(&models, &format!("embed: {{model: {name}}}"), &record).expect(0).json().remove(0);
        assert_eq!(line["embed"]["model"], made_by);
    }
    run(&models, "embed: {model: distant}", &record).expect(WRONG_USE).expect_error(&["can decide, but cannot embed"]);
    run(&models, "embed: {pooling: mean}", &record).expect(WRONG_USE).expect_error(&["unknown field `pooling`"]);
}

/// Both embed, but their tasks are others.
#[test]
fn a_student_of_the_command_line_does_not_replace_the_blip() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = manifest(folder.path(), &json!({"image": file("easyvqa-23.png"), "text": "what is it?"}));
    let line = tiny(["--quiet", "--format", "json", "--model", STUDENT, "run", &manifest]).expect(0).json().remove(0);
    assert!(line["caption"]["text"].is_string() && line["fusion"]["label"].is_string(), "{line}");
}

#[test]
fn the_text_of_a_run_names_what_was_embedded() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = manifest(folder.path(), &json!({"image": file("easyvqa-23.png"), "text": "a red circle"}));
    let device = folder.path().join("device.yaml");
    let extended = root().join("tests/fixtures/tiny/device.yaml").display().to_string();
    fs::write(&device, format!("device: test\nextends: {extended}\npipeline: [embed: {{model: blip}}]\n")).unwrap();
    // `--embeddings` has nothing to add, but is no mistake.
    let run = tiny(["--quiet", "--config", device.to_str().unwrap(), "run", "--embeddings", &manifest]).expect(0);
    assert!(run.stdout.contains("  embeddings image, text: 8 numbers each, by random\n"), "{}", run.stdout);
}

fn manifest(folder: &Path, record: &Value) -> String {
    let path = folder.join("records.jsonl");
    fs::write(&path, record.to_string()).unwrap();
    path.to_str().unwrap().to_string()
}
