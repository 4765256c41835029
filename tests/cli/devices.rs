//! Execution providers: the placement of nodes, and what is rejected.

use std::fs;
use std::path::Path;

use crate::binary::{Run, data, edgefuse, root, tiny};

const WRONG_USE: i32 = 2;
const CANNOT_LOAD: i32 = 3;

/// Runs with a device file of one BLIP model; `keys` are the model's, `more` is appended to the file.
fn with_blip<const N: usize>(folder: &Path, keys: &str, more: &str, arguments: [&str; N]) -> Run {
    let path = folder.join("board.yaml");
    let text = format!(
        "device: board\nmodels:\n  blip: {{path: {}/onnx/blip-easyvqa{keys}}}\npipeline: [caption]\n{more}",
        root().display()
    );
    fs::write(&path, text.replace("LIBRARY", crate::binary::library().to_str().unwrap())).unwrap();
    let device = path.to_str().unwrap().to_string();
    edgefuse(["--config".to_string(), device].into_iter().chain(arguments.map(str::to_string)))
}

#[test]
fn nodes_are_counted_by_provider() {
    let picture = data("easyvqa-0.png");
    let run = edgefuse(["--format", "json", "run", "--placement", &picture]).expect(0);
    let line = run.json().remove(0);
    let vision = &line["placement"]["blip-easyvqa/vision"];
    assert_eq!(vision[0]["provider"], "cpu", "{line}");
    assert!(vision[0]["nodes"].as_u64().unwrap() > 20 && vision[0]["share"] == 1.0, "{vision}");
    let plain = edgefuse(["--format", "json", "run", &picture]).expect(0).json().remove(0);
    assert!(plain.get("placement").is_none(), "{plain}");
}

#[test]
fn an_unmet_requirement_is_fatal_and_reports_the_counts() {
    let folder = tempfile::tempdir().unwrap();
    let picture = data("easyvqa-0.png");
    let library = "runtime: {library: LIBRARY}\nexecution_providers: [cuda, cpu]\n";
    for require in ["[cuda]", "{cuda: 0.1}", "{vision: {cuda: 0.5}}"] {
        let keys = format!(", require: {require}");
        let run = with_blip(folder.path(), &keys, library, ["--quiet", "caption", &picture]).expect(CANNOT_LOAD);
        run.expect_error(&["blip-easyvqa/vision", "`require`", "on cuda", "cpu 100 % (", "`cuda` did not load"]);
    }
    with_blip(folder.path(), ", require: {cpu: 1}", library, ["--quiet", "caption", &picture]).expect(0);
    with_blip(folder.path(), ", require: {visoin: [cpu]}", library, ["caption", &picture])
        .expect(WRONG_USE)
        .expect_error(&["`require`", "visoin", "vision"]);
}

#[test]
fn a_provider_that_the_library_lacks_is_named_by_doctor_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let more =
        "runtime: {library: LIBRARY}\nexecution_providers: [xnnpack, openvino: {extra: {device_type: GPU}}, cpu]\n";
    let report =
        with_blip(folder.path(), "", more, ["--quiet", "--format", "json", "doctor"]).expect(0).json().remove(0);
    let providers = report["providers"].as_array().unwrap();
    let names: Vec<_> = providers.iter().map(|provider| provider["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["xnnpack", "openvino", "cpu"]);
    for provider in &providers[..2] {
        assert_eq!(provider["loads"], false);
        assert!(provider["reason"].as_str().unwrap().contains("does not have it"), "{provider}");
    }
    let model = &report["models"][0];
    assert_eq!(model["verdict"], "fit");
    assert_eq!(model["memory"]["fits"], true);
    let graph = &model["graphs"][0];
    assert_eq!(graph["placement"][0]["provider"], "cpu");
    assert_eq!(graph["weights_sha256"].as_str().unwrap().len(), 64);
}

#[test]
fn a_graph_may_have_threads_and_providers_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let keys = ", execution_providers: {vision: [cpu: {threads: 1, arena: false, spinning: false}], default: [cpu]}";
    let picture = data("easyvqa-0.png");
    let own = with_blip(folder.path(), keys, "runtime: {library: LIBRARY}\n", ["--quiet", "caption", &picture]);
    assert_eq!(own.expect(0).stdout, edgefuse(["--quiet", "caption", &picture]).expect(0).stdout);
}

#[test]
fn prepare_loads_every_graph() {
    let run = tiny(["--quiet", "--format", "json", "prepare"]).expect(0);
    let graphs: Vec<_> = run.json().iter().map(|line| line["graph"].as_str().unwrap().to_string()).collect();
    for graph in ["tiny-whisper.en/encoder", "random/vision", "raw/student", "tiny-vad/vad"] {
        assert!(graphs.iter().any(|it| it == graph), "{graph} is not among {graphs:?}");
    }
}

#[test]
fn device_files_with_wrong_devices() {
    let folder = tempfile::tempdir().unwrap();
    for (more, expected) in [
        ("execution_providers: [rocm]\n", "unknown execution provider `rocm`, expected one of tensorrt, cuda, cpu"),
        ("execution_providers: [cuda: {fast: true}]\n", "unknown field `fast`"),
        ("execution_providers: [cuda: {cuda_graph: true}]\n", "cuda_graph"),
        ("runtime: {threads: {intra: -2}}\n", "a number of threads"),
        ("runtime: {memory_budget: 3 GB}\n", "unknown unit `GB`"),
        ("runtime: {memory_budget: banana}\n", "banana"),
        ("extends: board.yaml\n", "circular"),
    ] {
        let run = with_blip(folder.path(), "", more, ["doctor"]).expect(WRONG_USE);
        run.expect_error(&["board.yaml:5:", expected]);
    }
    // A space does not change the size.
    with_blip(folder.path(), "", "runtime: {memory_budget: 3 GiB, library: LIBRARY}\n", ["--quiet", "doctor"])
        .expect(0);
}
