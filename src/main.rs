//! The `edgefuse` program: `cli` (commands), `bench` (cost of models on this machine), `bundle` (archives for boards).

mod bench;
mod bundle;
mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    // SAFETY: the first statement of the program, before any other thread.
    unsafe { edgefuse::engine::disable_telemetry() };
    cli::run(cli::Args::read())
}
