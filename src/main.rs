//! The `edgefuse` command: `cli` (commands), `bench` (what models cost on this machine), `bundle` (packing for a board).

mod bench;
mod bundle;
mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run(cli::Args::read())
}
