//! The `edgefuse` program: `cli` (commands), `bench` (cost of models on this machine), `bundle` (archives for boards),
//! `serve` (the network service), `subtitles` (transcripts as files with times).

mod bench;
mod bundle;
mod cli;
#[cfg(feature = "serve")]
mod serve;
mod subtitles;

use std::panic;
use std::process::ExitCode;

use edgefuse::guard::is_expected;

/// Reports panics, except those that become an error of the file that caused them.
fn report_unexpected_panics() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |panic| match is_expected() {
        true => log::debug!("{panic}"),
        false => report(panic),
    }));
}

fn main() -> ExitCode {
    // SAFETY: the first statement of the program, before any other thread.
    unsafe { edgefuse::engine::disable_telemetry() };
    // SAFETY: no other thread has started. A file that may not grow (`ulimit -f`, systemd's `LimitFSIZE`) is then an error
    // of the write, and does not end the program.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    report_unexpected_panics();
    cli::run(cli::Args::read())
}
