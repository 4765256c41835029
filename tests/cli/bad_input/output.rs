//! Places that results cannot be written to.

use std::fs;

use super::{SOME_FAILED, WRONG_USE};
use crate::binary::{data, root, run, tiny, tiny_command};

#[test]
fn results_that_cannot_be_written() {
    let records = data("records.jsonl");
    for output in ["/dev/full", "/no/such/folder/results.jsonl"] {
        tiny(["run", &records, "--output", output]).expect(WRONG_USE).expect_error(&[output]);
    }
}

#[test]
fn results_that_would_replace_an_input() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("m.jsonl");
    fs::write(&manifest, "{\"text\": \"is there a circle?\"}\n").unwrap();
    let name = manifest.to_str().unwrap();
    tiny(["run", name, "--output", name]).expect(WRONG_USE).expect_error(&[name, "input"]);
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

    tiny(["--quiet", "run", manifest, "--output", output]).expect(WRONG_USE).expect_error(&["partial", "--resume"]);
    tiny(["--quiet", "run", manifest, "--output", output, "--resume"])
        .expect(SOME_FAILED)
        .expect_error(&["duplicate id"]);
    let lines = fs::read_to_string(output).unwrap();
    assert_eq!(lines.lines().next(), Some("{\"id\":\"a\"}"), "the earlier result is kept: {lines}");
    assert!(lines.contains("\"id\":\"b\"") && lines.contains("\"caption\""), "the other record was done: {lines}");
}

#[test]
fn standard_error_that_cannot_be_written() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    run(tiny_command().args(["caption", &data("easyvqa-0.png"), &data("bad/empty.png")]).stderr(full))
        .expect(SOME_FAILED);
}
