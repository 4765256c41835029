//! Packs what a board needs into one archive: program, library, the models that a device file names, the file itself, and
//! a service. The same inputs give the same bytes.
//!
//! | module | what it does |
//! |---|---|
//! | `contents` | which files, under which names |
//! | `binary` | the program and the library, checked to be for the board's machine |
//! | `board` | what the board must have of its own |
//! | `model` | a model folder cut down to the precisions that the device file names |
//! | `service` | the systemd unit, and the script that installs all of it |
//! | `licenses` | whose work it is |
//! | `archive` | a tar stream, compressed with Zstandard |

mod archive;
mod binary;
mod board;
mod contents;
mod licenses;
mod model;
mod place;
mod service;

use std::path::PathBuf;

use edgefuse::config::Device;
use edgefuse::engine::Machine;
use edgefuse::error::Error;

/// What to pack, beside what the device file says.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// The machine of the board.
    pub target: Machine,
    /// The program; looked for in `target/` of Cargo where none is given.
    pub binary: Option<PathBuf>,
    /// ONNX Runtime; looked for in `lib/` where none is given.
    pub library: Option<PathBuf>,
    /// The archive.
    pub out: PathBuf,
}

/// What was packed.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Packed {
    /// The archive.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: u64,
    /// Bytes of the files in it.
    pub unpacked_bytes: u64,
    /// SHA-256 of the archive.
    pub sha256: String,
    /// Names of the files in it.
    pub files: Vec<String>,
    /// Why there is no library in it, where there is none, and what the board needs instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_library: Option<String>,
}

impl Bundle {
    /// Packs `device`. The archive is whole or not there.
    ///
    /// # Errors
    /// [`Error::Bundle`] for a program or library that is missing or for another machine and for a device file whose models
    /// lie elsewhere; [`Error::Model`], [`Error::Engine`] for a model without the precision and files that differ from
    /// `model.yaml`; [`Error::Read`], [`Error::Write`].
    pub fn pack(&self, device: &Device) -> Result<Packed, Error> {
        let contents = contents::contents(self, device)?;
        archive::write(contents.entries, &self.out).map(|packed| Packed { no_library: contents.no_library, ..packed })
    }
}
