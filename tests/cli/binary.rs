//! Runs the real binary as a user would, from the repository root.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// The repository root, where relative paths in these tests start.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Output and exit code of the binary.
pub struct Run {
    /// The exit code; -1 if a signal killed it.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// `edgefuse` with `arguments` and the workstation's device file.
pub fn edgefuse<I>(arguments: I) -> Run
where
    I: IntoIterator,
    I::Item: AsRef<OsStr>,
{
    run(command().args(arguments))
}

/// The command without arguments, for tests that change its environment.
///
/// The set-up creates the models and the library. Without them a test fails with a message: a silently skipped test
/// would look like a pass.
pub fn command() -> Command {
    for made in [root().join("onnx/whisper-tiny.en/model.yaml"), library()] {
        assert!(made.exists(), "{} is not there: run scripts/setup.sh first", made.display());
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_edgefuse"));
    command.current_dir(root()).env_remove("EDGEFUSE_CONFIG").env_remove("RUST_LOG");
    command
}

/// Device file of tiny models (`tests/fixtures/README.md`), on which every command runs in milliseconds.
pub const TINY: &str = "tests/fixtures/tiny/device.yaml";

/// `edgefuse` with `arguments` and the tiny models, for tests that do not depend on the models' output.
pub fn tiny<I>(arguments: I) -> Run
where
    I: IntoIterator,
    I::Item: AsRef<OsStr>,
{
    run(tiny_command().args(arguments))
}

/// [`tiny`] without arguments.
pub fn tiny_command() -> Command {
    let library = library();
    assert!(library.exists(), "{} is not there: run scripts/setup.sh first", library.display());
    let mut command = Command::new(env!("CARGO_BIN_EXE_edgefuse"));
    command.current_dir(root()).env_remove("RUST_LOG").env("EDGEFUSE_CONFIG", TINY).env("ORT_DYLIB_PATH", library);
    command
}

/// The library that the tests run on: the one that ORT_DYLIB_PATH names, or that of the set-up.
pub fn library() -> PathBuf {
    std::env::var_os("ORT_DYLIB_PATH").map_or_else(|| root().join("lib/libonnxruntime.so"), PathBuf::from)
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Run {
    let Output { status, stdout, stderr } = command.output().expect("the binary starts");
    let text = |bytes| String::from_utf8(bytes).expect("the output is UTF-8");
    let run = Run { code: status.code().unwrap_or(-1), stdout: text(stdout), stderr: text(stderr) };
    assert!(!run.stderr.contains("panicked"), "a panic: {}", run.stderr);
    run
}

impl Run {
    /// Asserts the exit code; shows the output on failure.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "exit code; stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Asserts that stderr is a single line with the error, and that it contains all of `words`.
    #[track_caller]
    pub fn expect_error(self, words: &[&str]) -> Self {
        let lines: Vec<&str> = self.stderr.lines().filter(|line| !line.trim().is_empty()).collect();
        assert_eq!(lines.len(), 1, "not one line of error:\n{}", self.stderr);
        for word in words {
            assert!(lines[0].contains(word), "`{word}` is not in: {}", lines[0]);
        }
        self
    }

    /// The JSON objects on stdout, one per line and nothing else.
    #[track_caller]
    pub fn json(&self) -> Vec<Value> {
        let parse = |line: &str| {
            let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert!(value.is_object(), "not an object: {line}");
            value
        };
        self.stdout.lines().map(parse).collect()
    }
}

/// A file of `tests/data`.
pub fn data(name: &str) -> String {
    format!("tests/data/{name}")
}

/// The text in the result of a step.
#[track_caller]
pub fn step_text<'a>(line: &'a Value, step: &str) -> &'a str {
    line[step]["text"].as_str().unwrap_or_else(|| panic!("no {step}: {line}"))
}

/// Lower-case words without punctuation, for comparing transcripts.
pub fn words(text: &str) -> String {
    let kept = text.chars().filter(|c| c.is_alphanumeric() || c.is_whitespace()).collect::<String>();
    kept.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A copy of a model folder that a test may damage: hard links to the files if possible, and copies of those
/// in `own`. A symbolic link out of the folder would be refused. `model` is a name in `onnx`, or a path from the
/// repository's root.
pub fn damaged_model(model: &str, into: &Path, own: &[&str]) -> PathBuf {
    let model = if model.contains('/') { root().join(model) } else { root().join("onnx").join(model) };
    let target = into.join(model.file_name().unwrap());
    std::fs::create_dir(&target).unwrap();
    for entry in std::fs::read_dir(model).unwrap() {
        let source = entry.unwrap().path();
        let file = source.file_name().unwrap();
        let copied = own.iter().any(|own| *own == file);
        if copied || std::fs::hard_link(&source, target.join(file)).is_err() {
            std::fs::copy(&source, target.join(file)).unwrap();
        }
    }
    target
}
