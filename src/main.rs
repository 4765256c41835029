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
    // SAFETY: no other thread has started. A file that may not grow (`ulimit -f`, systemd's `LimitFSIZE`) is then an error
    // of the write, and does not end the program.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    cli::run(cli::Args::read())
}
