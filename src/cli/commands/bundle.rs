//! `bundle`: everything a board needs, in one archive.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::bundle::{Bundle, Packed, difference};
use edgefuse::config::{ByteSize, Device};
use edgefuse::engine::Machine;
use edgefuse::error::Error;
use edgefuse::models::{Loader, encoders_of, with_encoders};

use super::start::{device_file, engine};
use crate::cli::args::{self, Format, Global, Target};
use crate::cli::watched::{Ended, Side, Stage, watched};
use crate::cli::{Outcome, Stop, say};

/// Packs the device file and everything that it refers to.
pub(in crate::cli) fn bundle(global: &Global, args: &args::Bundle) -> Result<Outcome, Stop> {
    super::no_subtitles(global)?;
    if global.model.is_some() {
        let problem = "--model cannot be used with bundle: the board reads its models from the device file";
        return Err(Stop::Usage(problem.to_string()));
    }
    let (target, out) = match (&args.diff.as_deref(), args.target, &args.out) {
        (Some([from, to]), ..) => return compare(global, from, to),
        (_, Some(target), Some(out)) => (target, out.clone()),
        _ => return Err(Stop::Usage("bundle needs --target and --out, or --diff".to_string())),
    };
    let device = with_encoders(Device::load_for_elsewhere(&device_file(global)?).map_err(Error::from)?);
    for key in device.models.keys() {
        encoders_of(&device, key)?;
    }
    let bundle = Bundle {
        target: match target {
            Target::Aarch64 => Machine::Aarch64,
            Target::X86_64 => Machine::X86_64,
        },
        binary: args.binary.clone(),
        library: args.library.clone(),
        out,
    };
    let prepared = bundle.prepare(&device)?;
    let library = prepared.library_to_try();
    let tried = library.is_some();
    if let Some(library) = library {
        match watched() {
            Side::Child(stage) => return try_graphs(global, &device, library.to_path_buf(), &stage),
            Side::Parent(Ended::Code(0)) => {}
            Side::Parent(Ended::Code(code)) => return Ok(Outcome::Ended(code)),
            Side::Parent(Ended::Crash(crash)) => {
                say(&format!("error: {crash}"));
                return Ok(Outcome::Unfit);
            }
        }
    }
    let packed = prepared.write()?;
    if !global.quiet {
        if !tried {
            say(
                "note: the graphs were not run here, which requires the board's architecture and library; install.sh runs them",
            );
        }
        packed.notes.iter().for_each(|note| say(&format!("note: {note}")));
    }
    if let (Some(why), false) = (&packed.no_library, global.quiet) {
        say(&format!("no library packed: {why}"));
    }
    let text = match global.format {
        Format::Json => serde_json::to_string(&packed).map_err(io::Error::from).map_err(Stop::Output)? + "\n",
        _ => summary(&packed),
    };
    io::stdout().lock().write_all(text.as_bytes()).map_err(Stop::Output)?;
    Ok(Outcome::Done)
}

/// `--diff`
fn compare(global: &Global, from: &Path, to: &Path) -> Result<Outcome, Stop> {
    let found = difference(from, to)?;
    let text = match global.format {
        Format::Json => serde_json::to_string(&found).map_err(io::Error::from).map_err(Stop::Output)? + "\n",
        _ => found.text(),
    };
    io::stdout().lock().write_all(text.as_bytes()).map_err(Stop::Output)?;
    Ok(Outcome::Done)
}

/// Runs every graph once with the library that would be packed.
fn try_graphs(global: &Global, device: &Device, library: PathBuf, stage: &Stage) -> Result<Outcome, Stop> {
    let mut device = device.clone();
    stage.at(&library.display().to_string());
    device.runtime.library = Some(library);
    let engine = engine(global, &device)?;
    for entry in device.models.values() {
        let loader = Loader::new(engine.clone(), entry)?;
        for role in loader.folder().common.graphs.keys() {
            stage.at(&format!("{}/{role} with {}", loader.folder().common.name, engine.library().path.display()));
            loader.graph(role).and_then(|graph| graph.try_once()).map_err(Error::from)?;
        }
    }
    Ok(Outcome::Done)
}

fn summary(packed: &Packed) -> String {
    let glibc = packed.glibc.as_ref().map(|version| format!("needs glibc {version} or newer\n")).unwrap_or_default();
    format!(
        "{}  {} of {} files with {}\nsha256 {}\n{glibc}",
        packed.path.display(),
        ByteSize::from(packed.bytes),
        packed.files.len(),
        ByteSize::from(packed.unpacked_bytes),
        packed.sha256
    )
}
