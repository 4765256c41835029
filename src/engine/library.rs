//! Finds the ONNX Runtime shared library and checks that it works before `ort` opens it.
//!
//! `ort` itself panics or hangs on some libraries, and its lookup depends on the location of the executable.

use std::env;
use std::ffi::CStr;
use std::path::{Path, PathBuf};

use libloading::{Library, Symbol};
use ort::sys::OrtApiBase;

use super::elf::Machine;
use super::error::EngineError;
use crate::config::model_folder::RuntimeVersion;

/// Oldest supported minor version of ONNX Runtime 1.x: the `api-17` feature of `ort`.
const OLDEST_MINOR: u32 = ort::MINOR_VERSION;

/// The oldest supported ONNX Runtime.
pub fn oldest_library() -> RuntimeVersion {
    RuntimeVersion::new(1, OLDEST_MINOR)
}

/// Environment variable for the library path, shared with `ort` and other tools.
const VARIABLE: &str = "ORT_DYLIB_PATH";

/// Key for the library path in the device file.
const NAMED: &str = "runtime.library";

/// File names under which the library is installed.
const NAMES: [&str; 2] = ["libonnxruntime.so", "libonnxruntime.so.1"];

/// A library that was found and is usable.
#[derive(Debug, Clone)]
pub struct LoadedLibrary {
    /// The file, or the bare name if the dynamic loader found it.
    pub path: PathBuf,
    /// Its version, such as `1.32.0`.
    pub version: String,
    /// How it was found: `runtime.library`, `ORT_DYLIB_PATH`, `lib/ beside the binary`, ...
    pub found_by: &'static str,
}

/// A file that is about to be opened as the library, and how it was found.
type Candidate = (PathBuf, &'static str);

/// The file that `find` opens first, to be reported in case opening it ends the process; `None` if the dynamic loader
/// is asked.
pub fn library_file(named: Option<&Path>, base: &Path) -> Option<PathBuf> {
    candidate(named, base).ok().map(|(path, _)| path)
}

/// The library's file, or the places that were searched in vain.
fn candidate(named: Option<&Path>, base: &Path) -> Result<Candidate, Vec<String>> {
    // `ort` resolves a relative path against the executable; users mean the current folder.
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let mut tried = Vec::new();
    if let Some(path) = named {
        return Ok((absolute(path), NAMED));
    }
    tried.push("runtime.library (not set)".to_string());
    if let Some(path) = env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
        return Ok((absolute(Path::new(&path)), VARIABLE));
    }
    tried.push(format!("{VARIABLE} (not set)"));
    let beside = env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join("lib")));
    if beside.is_none() {
        tried.push("lib/ beside the binary (unknown: /proc is not mounted)".to_string());
    }
    let folders = beside.map(|folder| (folder, "lib/ beside the binary")).into_iter();
    for (folder, found_by) in folders.chain([(base.join("lib"), "lib/ of the device file's folder")]) {
        if let Some(path) = NAMES.iter().map(|name| folder.join(name)).find(|path| path.exists()) {
            return Ok((absolute(&path), found_by));
        }
        tried.push(folder.join(NAMES[0]).display().to_string());
    }
    Err(tried)
}

/// Finds the library: `named` (the device file's `runtime.library`), then `ORT_DYLIB_PATH`, then `lib/` beside
/// the binary, then `lib/` in `base` (the folder of the device file), then the system's loader.
///
/// A library that is set but does not work is an error; the next place is not tried.
pub(super) fn find(named: Option<&Path>, base: &Path) -> Result<LoadedLibrary, EngineError> {
    let mut tried = match candidate(named, base) {
        Ok((path, found_by)) => return probe_file(&path, found_by),
        Err(tried) => tried,
    };
    for name in NAMES {
        // SAFETY: opening a library runs its initialisers; it is the one that the dynamic loader finds.
        match unsafe { Library::new(name) } {
            // `ort` would search for the name beside the binary, whose path it reads from /proc.
            Ok(_) if env::current_exe().is_err() => {
                let problem = "/proc is not mounted; mount it, or set the path of the library".to_string();
                return Err(EngineError::LibraryUnusable { path: name.into(), problem });
            }
            Ok(_) => return probe(Path::new(name), "the system's loader"),
            Err(error) => tried.push(format!("the system's loader ({})", reason(&error))),
        }
    }
    Err(EngineError::LibraryNotFound { tried })
}

fn probe_file(path: &Path, found_by: &'static str) -> Result<LoadedLibrary, EngineError> {
    if !path.is_file() {
        let problem = match path.exists() {
            true => format!("not a file ({found_by} names it)"),
            false => format!("no such file ({found_by} names it)"),
        };
        return Err(EngineError::LibraryUnusable { path: path.to_path_buf(), problem });
    }
    probe(path, found_by)
}

/// Opens the library and asks for its version.
fn probe(path: &Path, found_by: &'static str) -> Result<LoadedLibrary, EngineError> {
    let unusable = |problem: String| EngineError::LibraryUnusable { path: path.to_path_buf(), problem };
    if path.is_absolute() || path.exists() {
        check_elf(path).map_err(unusable)?;
    }
    // Safety: loading a library runs its initialisers; no more can be ensured than that it is the one the user chose.
    let library = unsafe { Library::new(path) }.map_err(|error| unusable(reason(&error)))?;
    let version = version(&library).map_err(unusable)?;
    let minor = version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok());
    if !version.starts_with("1.") || minor.is_none_or(|minor| minor < OLDEST_MINOR) {
        return Err(unusable(format!("it is version {version}; 1.{OLDEST_MINOR} or newer (of 1.x) is needed")));
    }
    check_api(&library).map_err(unusable)?;
    Ok(LoadedLibrary { path: path.to_path_buf(), version, found_by })
}

fn api_base(library: &Library) -> Result<&OrtApiBase, String> {
    // Safety: the symbol's type is that of ONNX Runtime's C API, unchanged since 1.0.
    let get_api_base: Symbol<unsafe extern "C" fn() -> *const OrtApiBase> = unsafe { library.get(b"OrtGetApiBase\0") }
        .map_err(|_| "it does not export OrtGetApiBase, so it is another library".to_string())?;
    // Safety: a null result is handled; otherwise it points to a static structure of the library.
    Ok(unsafe { get_api_base().as_ref() }.ok_or("OrtGetApiBase returned null")?)
}

/// Whether the library has the interface that `ort` asks for; `ort` panics if it does not.
fn check_api(library: &Library) -> Result<(), String> {
    let base = api_base(library)?;
    // Safety: the function is part of the structure and returns a static table or null.
    match unsafe { (base.GetApi)(ort::sys::ORT_API_VERSION) }.is_null() {
        true => Err(format!(
            "it lacks version {} of ONNX Runtime's interface, though its own version promises it; use another build",
            ort::sys::ORT_API_VERSION
        )),
        false => Ok(()),
    }
}

fn version(library: &Library) -> Result<String, String> {
    let base = api_base(library)?;
    // Safety: the function is part of the structure and returns a static string.
    let text = unsafe { (base.GetVersionString)() };
    if text.is_null() {
        return Err("it does not report a version".to_string());
    }
    // Safety: not null, and static.
    Ok(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

/// Reads the start of the file, so that a library for another machine is reported as such, not as "invalid ELF header".
fn check_elf(path: &Path) -> Result<(), String> {
    let found = Machine::of_file(path).map_err(|problem| format!("it is not a shared library ({problem})"))?;
    match Machine::own() {
        Some(own) if found != own => Err(format!("it is built for {found}, and this program for {own}")),
        _ => Ok(()),
    }
}

/// The message of the dynamic loader, such as `libstdc++.so.6: cannot open shared object file`, in one line.
fn reason(error: &libloading::Error) -> String {
    let error: &dyn std::error::Error = error;
    let loader = error.source().map(ToString::to_string);
    let text = loader.filter(|text| !text.is_empty()).unwrap_or_else(|| error.to_string());
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem_of(bytes: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("libonnxruntime.so");
        std::fs::write(&path, bytes).unwrap();
        probe_file(&path, VARIABLE).unwrap_err().to_string()
    }

    #[test]
    fn reports_what_is_wrong_with_a_file() {
        assert!(problem_of(b"").contains("too short"));
        assert!(problem_of(b"this is a text, not a library").contains("no ELF header"));
        let mut other = [0; 64];
        other[..4].copy_from_slice(b"\x7fELF");
        other[18] = 40;
        assert!(problem_of(&other).contains("built for 32-bit ARM"));
    }

    #[test]
    fn a_named_library_that_is_missing_is_an_error() {
        let error = probe_file(Path::new("/nowhere/libonnxruntime.so"), VARIABLE).unwrap_err().to_string();
        assert!(error.contains("no such file") && error.contains(VARIABLE), "{error}");
    }

    #[test]
    fn another_library_is_reported_as_such() {
        // The C library exists on every Linux and is not ONNX Runtime.
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let libc = maps.split_whitespace().find(|word| word.contains("/libc.so")).expect("libc is mapped");
        let error = probe_file(Path::new(libc), VARIABLE).unwrap_err().to_string();
        assert!(error.contains("does not export OrtGetApiBase"), "{error}");
    }

    #[test]
    fn what_the_loader_misses_is_passed_on() {
        // An ELF file of this machine that is cut off after its header, or lacks another library: the loader reports
        // why.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("libonnxruntime.so");
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        std::fs::write(&path, &own[..64]).unwrap();
        let error = probe_file(&path, VARIABLE).unwrap_err().to_string();
        assert!(!error.contains("dlopen failed") && error.matches("libonnxruntime.so").count() > 1, "{error}");
    }
}
