//! Packs everything a board needs into one archive: program, library, a device file and the models it names, and a
//! service. The same inputs give the same bytes.
//!
//! | module | role |
//! |---|---|
//! | `contents` | which files, under which names |
//! | `binary` | the program and the library, checked to be for the board's machine |
//! | `board` | what the board must provide itself |
//! | `requirements` | which glibc and which processor the packed files need |
//! | `place` | paths in the archive, and which names are safe there |
//! | `model` | a model folder reduced to the precisions that the device file names |
//! | `service` | the systemd unit, and the script that installs everything |
//! | `licenses` | licences and notices |
//! | `archive` | a tar stream, compressed with Zstandard |

mod archive;
mod binary;
mod board;
mod contents;
mod licenses;
mod model;
mod place;
mod requirements;
mod service;

use std::path::{Path, PathBuf};

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
    /// The oldest glibc that the packed program and library run with, such as `2.34`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub glibc: Option<String>,
    /// What holds on some boards only, or could not be checked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Bundle {
    /// Finds and checks all that is packed, and writes nothing.
    ///
    /// # Errors
    /// [`Error::Bundle`] for a program or library that is missing or for another machine and for a device file whose models
    /// lie elsewhere; [`Error::Model`], [`Error::Engine`] for a model without the precision; [`Error::Read`].
    pub fn prepare(&self, device: &Device) -> Result<Prepared, Error> {
        let contents = contents::contents(self, device)?;
        let here = Machine::own() == Some(self.target) && device.providers().all(|provider| provider.name() == "cpu");
        Ok(Prepared { contents, here, out: self.out.clone() })
    }
}

/// What will be packed.
pub struct Prepared {
    contents: contents::Contents,
    /// Whether this machine can run it.
    here: bool,
    out: PathBuf,
}

impl Prepared {
    /// The packed library, where this machine can run it with the device's models: it is for this kind of machine, and no
    /// provider needs hardware that only the board has.
    pub fn library_to_try(&self) -> Option<&Path> {
        self.contents.library.as_deref().filter(|_| self.here)
    }

    /// Writes the archive, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Engine`] for files that differ from `model.yaml`; [`Error::Read`], [`Error::Write`].
    pub fn write(self) -> Result<Packed, Error> {
        let contents::Contents { entries, no_library, requirements, .. } = self.contents;
        let packed = archive::write(entries, &self.out)?;
        let glibc = requirements.glibc.map(|version| version.to_string());
        Ok(Packed { no_library, glibc, notes: requirements.notes, ..packed })
    }
}
