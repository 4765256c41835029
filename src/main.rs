//! The `edgefuse` command: `cli` (commands), `bench` (what models cost on this machine), `bundle` (packing for a board).

mod bench;
mod bundle;
mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    // SAFETY: the first statement of the program, which has no other thread yet.
    unsafe { edgefuse::engine::disable_telemetry() };
    cli::run(cli::Args::read())
}
