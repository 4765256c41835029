//! Places that results cannot be written to.

use std::fs;
use std::process::Command;

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

/// As with systemd's `LimitFSIZE`: without care, the system ends a process whose file may not grow.
#[test]
fn results_that_may_not_grow() {
    let folder = tempfile::tempdir().unwrap();
    let (manifest, output) = (folder.path().join("m.jsonl"), folder.path().join("out.jsonl"));
    let picture = root().join("tests/data/easyvqa-0.png");
    let records: String =
        (0..40).map(|id| format!("{{\"id\": {id}, \"image\": \"{}\"}}\n", picture.display())).collect();
    fs::write(&manifest, records).unwrap();
    let tiny = tiny_command();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -f 1 && exec \"$@\"", "sh"]).arg(tiny.get_program()).args(tiny.get_args());
    command.envs(tiny.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.args(["--quiet", "run"]).arg(&manifest).arg("--output").arg(&output).current_dir(root());
    run(&mut command).expect(WRONG_USE).expect_error(&["out.jsonl", "File too large"]);
}

#[test]
fn standard_error_that_cannot_be_written() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    run(tiny_command().args(["caption", &data("easyvqa-0.png"), &data("bad/empty.png")]).stderr(full))
        .expect(SOME_FAILED);
}
