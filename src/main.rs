//! The `edgefuse` program: `cli` (commands), `bench` (cost of models on this machine), `bundle` (archives for boards),
//! `serve` (the network service), `subtitles` (transcripts as files with times).

mod bench;
mod bundle;
mod cli;
#[cfg(feature = "serve")]
mod serve;
mod subtitles;

use std::process::ExitCode;

fn main() -> ExitCode {
    // SAFETY: the first statement of the program, before any other thread.
    unsafe { edgefuse::engine::disable_telemetry() };
    cli::run(cli::Args::read())
}
