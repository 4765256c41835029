//! Invalid input: a one-line error that names the file and the cause, the right exit code, and every other
//! input is still processed.

mod device_files;
mod libraries;
mod manifests;
mod model_folders;
mod output;
mod pictures;
mod recordings;

use crate::binary::{data, step_text, tiny};

const SOME_FAILED: i32 = 1;
const WRONG_USE: i32 = 2;
const CANNOT_LOAD: i32 = 3;

#[track_caller]
fn bad_input(subcommand: &str, step: &str, good: &str, name: &str, cause: &str) {
    let bad = data(name);
    let run = tiny(["--quiet", "--format", "json", subcommand, good, &bad, good])
        .expect(SOME_FAILED)
        .expect_error(&[&bad, cause]);
    let lines = run.json();
    assert_eq!(lines.len(), 3, "{}", run.stdout);
    assert!(lines[0][step]["text"].is_string() && lines[2][step]["text"].is_string(), "{}", run.stdout);
    assert!(lines[1][step]["error"].as_str().unwrap().contains(cause), "{}", run.stdout);
}

/// A recording or picture that is unusual, but valid.
#[track_caller]
fn good_input(subcommand: &str, step: &str, name: &str) -> String {
    let run = tiny(["--quiet", "--format", "json", subcommand, &data(name)]).expect(0);
    let lines = run.json();
    assert_eq!(lines.len(), 1, "{}", run.stdout);
    step_text(&lines[0], step).to_string()
}
