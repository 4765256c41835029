//! `match`: good input and bad.

use std::fs;

use crate::binary::{damaged_model, data, edgefuse};
use serde_json::Value;

/// A model folder that matches; its weights are random.
const MODEL: &str = "tests/fixtures/blip/random";
const SOME_FAILED: i32 = 1;

const WRONG_USE: i32 = 2;

#[test]
fn a_table_has_a_line_a_text_in_order() {
    let pictures = [data("easyvqa-23.png"), data("easyvqa-0.png")];
    let texts = ["--text", "a red circle", "--text", "the blue shape"];
    let arguments = ["--quiet", "--model", MODEL, "match", &pictures[0], &pictures[1]];
    let table = edgefuse(arguments.iter().chain(&texts)).expect(0).stdout;
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 8, "{table}");
    assert_eq!(lines[0], format!("{}:", pictures[0]));
    assert_eq!(lines[1].split_whitespace().collect::<Vec<_>>(), ["probability", "similarity", "text"]);
    assert!(lines[2].ends_with("  a red circle") && lines[3].ends_with("  the blue shape"), "{table}");

    let json = edgefuse(arguments.iter().chain(&["--format", "json"]).chain(&texts)).expect(0).json();
    assert_eq!(json.len(), 2);
    let rows = json[1]["match"]["texts"].as_array().unwrap();
    assert_eq!((&rows[0]["text"], &rows[1]["text"]), (&"a red circle".into(), &"the blue shape".into()));
    for row in rows {
        assert!((0.0..=1.0).contains(&row["probability"].as_f64().unwrap()), "{row}");
        assert!((-1.001..=1.001).contains(&row["similarity"].as_f64().unwrap()), "{row}");
    }
    assert!(json[1]["match"]["embeddings"].is_null());
}

#[test]
fn the_shipped_model_knows_what_is_in_a_picture() {
    let texts: Vec<String> = ["red", "blue", "green", "teal", "gray", "black", "brown", "yellow"]
        .iter()
        .flat_map(|color| ["circle", "rectangle", "triangle"].map(|shape| format!("a {color} {shape}")))
        .collect();
    for picture in ["easyvqa-23.png", "easyvqa-0.png"] {
        let picture = data(picture);
        let caption = edgefuse(["--quiet", "--format", "json", "caption", &picture]).expect(0).json().remove(0);
        let truth = caption["caption"]["text"].as_str().unwrap().to_string();
        let mut arguments = vec!["--quiet", "--format", "json", "match", &picture];
        texts.iter().for_each(|text| arguments.extend(["--text", text]));
        let line = edgefuse(arguments).expect(0).json().remove(0);
        for row in line["match"]["texts"].as_array().unwrap() {
            let probability = row["probability"].as_f64().unwrap();
            assert_eq!(probability > 0.5, row["text"] == truth.as_str(), "{picture}: {row}");
        }
    }
}

#[test]
fn a_file_of_texts_is_read_and_embeddings_are_given_where_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("texts.txt");
    fs::write(&path, (0..100).map(|n| format!("w{}\n\n", n % 60)).collect::<String>()).unwrap();
    let path = path.to_str().unwrap();
    let picture = data("easyvqa-23.png");
    let arguments =
        ["--quiet", "--format", "json", "--model", MODEL, "match", "--embeddings", &picture, "--texts", path];
    let line = edgefuse(arguments).expect(0).json().remove(0);
    assert_eq!(line["match"]["texts"].as_array().unwrap().len(), 60);
    let numbers =
        |value: &Value| -> Vec<f64> { value.as_array().unwrap().iter().map(|n| n.as_f64().unwrap()).collect() };
    let image = numbers(&line["match"]["embeddings"]["image"]);
    let texts = line["match"]["embeddings"]["texts"].as_array().unwrap();
    assert_eq!((image.len(), texts.len()), (8, 60));
    for (text, row) in texts.iter().zip(line["match"]["texts"].as_array().unwrap()) {
        let dot: f64 = numbers(text).iter().zip(&image).map(|(a, b)| a * b).sum();
        assert!((dot - row["similarity"].as_f64().unwrap()).abs() < 1e-5, "{row}");
    }
}

#[test]
fn the_pipeline_matches_the_text_of_a_record() {
    let folder = tempfile::tempdir().unwrap();
    let device = crate::caption::device(folder.path(), "match");
    let manifest = folder.path().join("records.jsonl");
    let picture = crate::binary::root().join(data("easyvqa-23.png"));
    let record =
        |text: &str| serde_json::json!({"id": text.len().to_string(), "image": picture, "text": text}).to_string();
    let long = "w10 ".repeat(100);
    fs::write(&manifest, [record("a red circle"), record(&long), record("blue")].join("\n")).unwrap();
    let arguments = ["--config", &device, "--quiet", "--format", "json", "--model", MODEL, "run"];
    let run = edgefuse(arguments.iter().copied().chain([manifest.to_str().unwrap()]))
        .expect(SOME_FAILED)
        .expect_error(&["has 102 tokens; the model takes"]);
    let lines = run.json();
    assert_eq!(lines[0]["match"]["texts"][0]["text"], "a red circle");
    assert!(lines[1]["match"]["error"].is_string());
    assert_eq!(lines[2]["match"]["texts"][0]["text"], "blue");
}

#[test]
fn a_text_of_the_list_that_is_too_long_is_told_once() {
    let pictures = [data("easyvqa-23.png"), data("easyvqa-0.png")];
    let long = "w10 ".repeat(100);
    edgefuse(["--quiet", "--model", MODEL, "match", &pictures[0], &pictures[1], "--text", &long])
        .expect(WRONG_USE)
        .expect_error(&["random", "has 102 tokens; the model takes"]);
}

#[test]
fn a_model_without_the_graphs_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let model = damaged_model("blip-easyvqa", folder.path(), &["model.yaml"]);
    let path = model.join("model.yaml");
    let text = fs::read_to_string(&path).unwrap();
    let mut description: serde_yaml::Mapping = serde_yaml::from_str(&text).unwrap();
    for (part, names) in [("graphs", &["match_encoder", "text_encoder"][..]), ("files", &["text_encoder.onnx"])] {
        let entries = description.get_mut(part).unwrap().as_mapping_mut().unwrap();
        names.iter().for_each(|name| assert!(entries.remove(*name).is_some()));
        entries.retain(|name, _| !name.as_str().unwrap().starts_with("match_encoder"));
    }
    fs::write(&path, serde_yaml::to_string(&description).unwrap()).unwrap();
    let model = model.to_str().unwrap();
    edgefuse(["--quiet", "--model", model, "match", &data("easyvqa-23.png"), "--text", "a red circle"])
        .expect(WRONG_USE)
        .expect_error(&[
            "blip-easyvqa: this model (kind `blip`) can caption and answer questions, but cannot match texts",
        ]);
}

#[test]
fn texts_are_needed() {
    let picture = data("easyvqa-23.png");
    edgefuse(["match", &picture]).expect(WRONG_USE).expect_error(&["--text TEXT or --texts FILE"]);
    edgefuse(["match", &picture, "--text", " "]).expect(WRONG_USE).expect_error(&["--text is empty"]);
    edgefuse(["match", &picture, "--texts", "nowhere.txt"]).expect(WRONG_USE).expect_error(&["nowhere.txt"]);
    edgefuse(["match", &picture, "--text", "a", "--texts", "b"]).expect(WRONG_USE);
}
