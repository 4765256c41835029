//! `check`: whether model folders are complete, safe to open, and readable by this version.

use std::io::{self, Write};

use edgefuse::config::Device;
use edgefuse::error::Error;
use edgefuse::models::{check_engine, check_folder};

use super::start::device_file;
use crate::cli::args::{self, Format, Global};
use crate::cli::{Outcome, Stop, say};

/// Checks every folder; a failure does not prevent the others from being checked.
pub(in crate::cli) fn check(global: &Global, args: &args::Check) -> Result<Outcome, Stop> {
    super::no_subtitles(global)?;
    // The device file, which is optional, only determines library and threads.
    let device = match device_file(global) {
        Ok(path) => Some(Device::load(&path).map_err(Error::Config)?),
        Err(error) if global.config.is_some() => return Err(error.into()),
        Err(_) => None,
    };
    let engine = check_engine(device.as_ref())?;
    let mut outcome = Outcome::Done;
    for path in &args.folders {
        let line = match check_folder(&engine, path) {
            Ok(checked) => {
                if !global.quiet {
                    checked.left_out.iter().for_each(|line| say(&format!("warning: not checked: {line}")));
                }
                line(
                    global,
                    path,
                    Ok(&format!("{} ({}), {} graphs loaded", checked.name, checked.kind, checked.loaded)),
                )
            }
            Err(error) => {
                say(&format!("error: {error}"));
                outcome = Outcome::Unfit;
                line(global, path, Err(&error))
            }
        };
        if let Some(line) = line {
            writeln!(io::stdout().lock(), "{line}").map_err(Stop::Output)?;
        }
    }
    Ok(outcome)
}

/// The line on standard output. In text format a failure is reported on standard error only.
fn line(global: &Global, path: &std::path::Path, found: Result<&str, &Error>) -> Option<String> {
    let path = path.display().to_string();
    match (global.format, found) {
        (Format::Json, found) => {
            let (ok, error) = (found.is_ok(), found.err().map(Error::to_string));
            Some(serde_json::json!({"folder": path, "ok": ok, "error": error}).to_string())
        }
        (_, Ok(found)) => Some(format!("{path}: ok: {found}")),
        (_, Err(_)) => None,
    }
}
