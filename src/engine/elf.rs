//! The machine that a program or library is built for, and the library versions that its symbols require.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use elf::ElfBytes;
use elf::endian::AnyEndian;

use crate::config::model_folder::RuntimeVersion;

/// A processor architecture, as in an ELF header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    /// 64-bit x86.
    X86_64,
    /// 64-bit ARM.
    Aarch64,
    /// Another architecture, by its number.
    Other(u16),
}

impl Machine {
    /// The architecture of this program; `None` if it is neither x86-64 nor aarch64.
    pub const fn own() -> Option<Self> {
        match () {
            () if cfg!(target_arch = "x86_64") => Some(Machine::X86_64),
            () if cfg!(target_arch = "aarch64") => Some(Machine::Aarch64),
            () => None,
        }
    }

    /// The architecture of an ELF file; the error says why it is not one.
    ///
    /// A few words to append to the file's name.
    /// A few words to append to the file's name.
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

/// Symbol versions of a program or library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SymbolVersions {
    /// The newest required version of glibc, such as 2.34.
    pub glibc: Option<RuntimeVersion>,
    /// The version of ONNX Runtime, if the file is that library: it exports its functions with their version.
    pub onnxruntime: Option<RuntimeVersion>,
}

impl SymbolVersions {
    /// The versions in an ELF file for any machine.
    ///
    /// # Errors
    /// A few words to append to the file's name.
    pub fn of_file(path: &Path) -> Result<Self, String> {
        let bytes = fs::read(path).map_err(|error| format!("cannot read: {error}"))?;
        Self::of(&bytes).map_err(|error| format!("its symbols cannot be read: {error}"))
    }

    fn of(bytes: &[u8]) -> Result<Self, elf::ParseError> {
        let mut versions = SymbolVersions::default();
        let file = ElfBytes::<AnyEndian>::minimal_parse(bytes)?;
        let (Some((symbols, _)), Some(table)) = (file.dynamic_symbol_table()?, file.symbol_version_table()?) else {
            return Ok(versions);
        };
        for index in 0..symbols.len() {
            if let Some(required) = table.get_requirement(index)?
                && let Some(version) = required.name.strip_prefix("GLIBC_").and_then(RuntimeVersion::parse)
            {
                versions.glibc = versions.glibc.max(Some(version));
            }
            for name in table.get_definition(index)?.into_iter().flat_map(|definition| definition.names) {
                let version = name?.strip_prefix("VERS_").and_then(RuntimeVersion::parse);
                versions.onnxruntime = versions.onnxruntime.max(version);
            }
        }
        Ok(versions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_asks_for_a_version_of_glibc() {
        let own = SymbolVersions::of_file(&std::env::current_exe().unwrap()).unwrap();
        assert!(own.glibc >= Some(RuntimeVersion::new(2, 17)) && own.onnxruntime.is_none(), "{own:?}");
    }

    #[test]
    fn a_file_that_is_not_elf_is_an_error() {
        for bytes in
            [&b""[..], b"text", b"\x7fELF", &[0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0]]
        {
            assert!(SymbolVersions::of(bytes).is_err(), "{bytes:?}");
        }
    }
}
