//! Which machine a program or library is built for, from the start of its file.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// A kind of processor, as an ELF file names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    /// 64-bit x86.
    X86_64,
    /// 64-bit ARM.
    Aarch64,
    /// Another one, by its number.
    Other(u16),
}

impl Machine {
    /// That of this program; `None` where it is neither x86-64 nor aarch64.
    pub const fn own() -> Option<Self> {
        match () {
            () if cfg!(target_arch = "x86_64") => Some(Machine::X86_64),
            () if cfg!(target_arch = "aarch64") => Some(Machine::Aarch64),
            () => None,
        }
    }

    /// That of an ELF file; the error says why it is none.
    ///
    /// # Errors
    /// A few words for behind the file's name.
    pub fn of_file(path: &Path) -> Result<Self, String> {
        let mut header = [0; 20];
        match File::open(path).and_then(|mut file| file.read_exact(&mut header)) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err("too short".to_string()),
            Err(error) => return Err(format!("cannot read: {error}")),
            Ok(()) => {}
        }
        if &header[..4] != b"\x7fELF" {
            return Err("no ELF header".to_string());
        }
        // e_machine at offset 18, in the byte order of e_ident[EI_DATA]; both machines are little-endian.
        Ok(match u16::from_le_bytes([header[18], header[19]]) {
            62 => Machine::X86_64,
            183 => Machine::Aarch64,
            other => Machine::Other(other),
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Machine::X86_64 => formatter.write_str("x86-64"),
            Machine::Aarch64 => formatter.write_str("aarch64"),
            Machine::Other(3) => formatter.write_str("32-bit x86"),
            Machine::Other(40) => formatter.write_str("32-bit ARM"),
            Machine::Other(number) => write!(formatter, "machine {number}"),
        }
    }
}
