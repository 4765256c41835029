//! The log, on standard error.

use std::io::Write;

use super::args::Global;

/// Starts the log: errors with `--quiet`, all our messages with `--verbose`, warnings otherwise. Other crates are left
/// out, because our errors include what they report about a damaged file. RUST_LOG overrides all of this.
pub(super) fn start(global: &Global) {
    let level = match (global.quiet, global.verbose) {
        (true, _) => "edgefuse=error",
        (_, true) => "edgefuse=debug,onnxruntime=warn",
        _ => "edgefuse=warn",
    };
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or(level))
        .format(|out, record| writeln!(out, "{}: {}", record.level().as_str().to_lowercase(), record.args()))
        .init();
}
