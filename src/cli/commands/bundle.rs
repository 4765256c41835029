//! `bundle`: what a board needs, in one archive.

use std::io::{self, Write};

use crate::bundle::{Bundle, Packed};
use edgefuse::config::{ByteSize, Device};
use edgefuse::engine::Machine;
use edgefuse::error::Error;

use super::start::device_file;
use crate::cli::args::{self, Format, Global, Target};
use crate::cli::{Outcome, Stop, say};

/// Packs the device file and all that it names.
pub(in crate::cli) fn bundle(global: &Global, args: &args::Bundle) -> Result<Outcome, Stop> {
    super::no_subtitles(global)?;
    if global.model.is_some() {
        let problem = "--model has no place in a bundle: the board reads its models from the device file";
        return Err(Stop::Usage(problem.to_string()));
    }
    let device = Device::load_for_elsewhere(&device_file(global)?).map_err(Error::from)?;
    let bundle = Bundle {
        target: match args.target {
            Target::Aarch64 => Machine::Aarch64,
            Target::X86_64 => Machine::X86_64,
        },
        binary: args.binary.clone(),
        library: args.library.clone(),
        out: args.out.clone(),
    };
    let packed = bundle.pack(&device)?;
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

fn summary(packed: &Packed) -> String {
    format!(
        "{}  {} of {} files with {}\nsha256 {}\n",
        packed.path.display(),
        ByteSize::from(packed.bytes),
        packed.files.len(),
        ByteSize::from(packed.unpacked_bytes),
        packed.sha256
    )
}
