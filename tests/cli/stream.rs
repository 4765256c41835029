//! Runs the real binary on standard input.

use std::io::Write;
use std::process::{Child, Command, Stdio};

use crate::binary::{Run, data};

/// `command` with `transcribe -` and pipes.
pub fn start(mut command: Command, arguments: &[&str]) -> Child {
    command.args(["transcribe", "-"]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Writes all of `bytes`, closes the pipe, and waits.
pub fn transcribe(command: Command, bytes: &[u8], arguments: &[&str]) -> Run {
    let mut child = start(command, arguments);
    // A program that rejects its input closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(bytes);
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let run =
        Run { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) };
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    run
}

/// The samples of a 16-bit wav of `tests/data`, little-endian, without its header.
pub fn raw(name: &str) -> Vec<u8> {
    std::fs::read(data(name)).unwrap().split_off(44)
}
