//! Packs everything a board needs into one archive: program, library, a device file and the models it names, and a
//! service. The same inputs produce the same bytes.
//!
//! | module | role |
//! |---|---|
//! | `contents` | the files and their names |
//! | `binary` | the program and the library, checked to be for the board's machine |
//! | `board` | what the board must provide itself |
//! | `requirements` | which glibc and which processor the packed files need |
//! | `place` | paths in the archive, and which names are safe |
//! | `model` | a model folder reduced to the precisions that the device file names |
//! | `service` | the systemd unit, and the script that installs everything |
//! | `licenses` | licences and notices |
//! | `archive` | a tar stream, compressed with Zstandard |
//! | `diff` | what differs between two bundles |

mod archive;
mod binary;
mod board;
mod contents;
mod diff;
mod endpoints;
mod licenses;
mod model;
mod place;
mod requirements;
mod service;
mod sinks;

use std::path::{Path, PathBuf};

use edgefuse::config::Device;
use edgefuse::engine::Machine;
use edgefuse::error::Error;

pub use diff::difference;

/// What to pack, apart from the contents of the device file.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// The board's architecture.
    pub target: Machine,
    /// The program; searched for in Cargo's `target/` if absent.
    pub binary: Option<PathBuf>,
    /// ONNX Runtime; searched for in `lib/` if absent.
    pub library: Option<PathBuf>,
    /// The archive.
    pub out: PathBuf,
}

/// Result of packing.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Packed {
    /// The archive.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// Total size of the files in it, in bytes.
    pub unpacked_bytes: u64,
    /// SHA-256 of the archive.
    pub sha256: String,
    /// Names of the files in it.
    pub files: Vec<String>,
    /// If it contains no library, the reason, and what the board needs instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_library: Option<String>,
    /// The oldest glibc that the packed program and library run with, such as `2.34`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub glibc: Option<String>,
    /// Requirements of some boards only, and those that could not be checked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Bundle {
    /// Finds and checks everything to be packed, and writes nothing.
    ///
    /// # Errors
    /// [`Error::Bundle`] for a program or library that is missing or for another architecture, and for a device file
    /// whose models are elsewhere; [`Error::Model`], [`Error::Engine`] for a model without the precision;
    /// [`Error::Read`].
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
    /// The packed library, if this machine can run it with the device's models: it is for this architecture, and no
    /// provider needs hardware that only the board has.
    pub fn library_to_try(&self) -> Option<&Path> {
        self.contents.library.as_deref().filter(|_| self.here)
    }

    /// Writes the archive atomically.
    ///
    /// # Errors
    /// [`Error::Engine`] for files that differ from `model.yaml`; [`Error::Read`], [`Error::File`].
    pub fn write(self) -> Result<Packed, Error> {
        let contents::Contents { entries, no_library, requirements, .. } = self.contents;
        let packed = archive::write(entries, &self.out)?;
        let glibc = requirements.glibc.map(|version| version.to_string());
        Ok(Packed { no_library, glibc, notes: requirements.notes, ..packed })
    }
}
