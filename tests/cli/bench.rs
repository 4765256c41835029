//! `bench`: the figures are present and consistent. Their values are not tested.

use std::fs;

use serde_json::Value;

use crate::binary::{command, edgefuse, run};

#[test]
fn student_in_json() {
    let folder = tempfile::tempdir().unwrap();
    let (chart, profile) = (folder.path().join("chart.svg"), folder.path().join("trace.json"));
    let run = run(command()
        .args(["bench", "student", "--format", "json", "--repeat", "5", "--warm-up", "1", "--cold", "2", "--quiet"])
        .args(["--chart".as_ref(), chart.as_os_str(), "--profile".as_ref(), profile.as_os_str()]))
    .expect(0);
    assert_eq!(run.stderr, "");
    let lines = run.json();
    assert_eq!(lines.len(), 1, "{}", run.stdout);
    let line = &lines[0];
    assert_eq!((line["task"].as_str(), line["model"].as_str()), (Some("fuse"), Some("student")));
    assert_eq!((line["provider"].as_str(), line["precision"].as_str()), (Some("cpu"), Some("fp32")));
    let number = |value: &Value| value.as_f64().unwrap_or_else(|| panic!("{value} in {line}"));
    for (latency, runs) in [(&line["warm"], 5), (&line["cold"], 2)] {
        assert_eq!(latency["runs"], runs);
        let ordered = ["min_ms", "p50_ms", "p90_ms", "p99_ms", "max_ms"].map(|key| number(&latency[key]));
        assert!(ordered[0] > 0.0 && ordered.is_sorted(), "{latency}");
    }
    assert!(number(&line["cold"]["first_ms"]) < number(&line["cold"]["max_ms"]), "{line}");
    assert!(number(&line["peak_bytes"]) > 1e7 && number(&line["throughput_per_s"]) > 0.0, "{line}");
    let energy = &line["energy"];
    assert!(energy["unknown"].is_string() || number(&energy["joules_per_record"]) > 0.0, "{energy}");
    assert_eq!(line["input"]["image"], "built in");
    // Computed from the shapes only, so the same on every machine.
    let gflop = number(&line["gflop"]);
    assert!((0.05..0.5).contains(&gflop), "{gflop} GFLOP");
    let share = number(&line["gflop_per_s"]) / number(&line["ceiling"]["gflops"]);
    assert!((number(&line["ceiling_share"]) - share).abs() < 1e-9);

    assert!(fs::read_to_string(chart).unwrap().contains("fuse (student)"));
    let trace: Value = serde_json::from_str(&fs::read_to_string(profile).unwrap()).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    assert!(events.iter().any(|event| event["args"]["name"] == "fuse: student.student"), "the graph's name");
    let runs = events.iter().filter(|event| event["ph"] == "X" && event["args"]["op_name"] == "MatMul").count();
    assert!(runs > 50, "{runs} products");
    assert!(events.iter().all(|event| event["pid"].is_u64()));
}

#[test]
fn blip_is_two_tasks_and_text_is_for_people() {
    let run = edgefuse(["bench", "blip", "--repeat", "1", "--warm-up", "1", "--cold", "0", "--quiet"]).expect(0);
    for expected in
        ["caption (blip-easyvqa, auto, on cpu)", "ask (blip-easyvqa", "warm ", "GFLOP per record", "energy "]
    {
        assert!(run.stdout.contains(expected), "`{expected}` is not in\n{}", run.stdout);
    }
    assert!(!run.stdout.contains("  cold "), "{}", run.stdout);
}

#[test]
fn vad_and_match() {
    let run =
        edgefuse(["bench", "vad", "--format", "json", "--repeat", "2", "--warm-up", "1", "--cold", "0", "--quiet"]);
    let line = &run.expect(0).json()[0];
    assert_eq!((line["task"].as_str(), line["model"].as_str()), (Some("vad"), Some("silero-vad")), "{line}");
    assert!(line["gflop"].as_f64().unwrap() > 1e-3 && line["audio_s_per_s"].as_f64().unwrap() > 0.0, "{line}");

    let matching =
        ["--model", "tests/fixtures/blip/random", "--repeat", "1", "--warm-up", "1", "--cold", "0", "--quiet"];
    let run = edgefuse(["bench", "blip"].iter().chain(&matching)).expect(0);
    for expected in ["caption (random", "ask (random", "match (random, auto, on cpu)"] {
        assert!(run.stdout.contains(expected), "`{expected}` is not in\n{}", run.stdout);
    }
}

#[test]
fn wrong_use_is_reported_before_anything_is_measured() {
    edgefuse(["bench", "student", "--repeat", "0"]).expect(2);
    edgefuse(["bench", "teacher"]).expect(2);
    edgefuse(["bench", "student", "--chart", "/nowhere/chart.svg"]).expect(2).expect_error(&["/nowhere/chart.svg"]);
    edgefuse(["bench", "student", "--image", "nothing.png"]).expect(1).expect_error(&["nothing.png"]);
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("board.yaml");
    fs::write(&config, "device: board\n").unwrap();
    let config = config.to_str().unwrap();
    edgefuse(["bench", "blip", "--config", config]).expect(2).expect_error(&["`bench` needs a model that can caption"]);
}

#[test]
fn an_error_in_a_measuring_process_is_reported_once() {
    let missing = "/nowhere/libonnxruntime.so";
    let run = run(command().args(["bench", "student", "--quiet"]).env("ORT_DYLIB_PATH", missing)).expect(3);
    run.expect_error(&[missing, "no such file"]);
}
