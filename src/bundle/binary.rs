//! The program and the library for the board.

use std::env;
use std::path::{Path, PathBuf};

use super::Bundle;
use super::place::place;
use edgefuse::config::Device;
use edgefuse::engine::Machine;
use edgefuse::error::Error;

/// The program: the one named by the user, else this program, else Cargo's build for the target.
pub(super) fn program(bundle: &Bundle, base: &Path) -> Result<PathBuf, Error> {
    if let Some(path) = &bundle.binary {
        return checked(path, bundle.target, "--binary");
    }
    if Machine::own() == Some(bundle.target) {
        let own = env::current_exe().map_err(|source| Error::Read { path: PathBuf::from("edgefuse"), source })?;
        return checked(&own, bundle.target, "this program");
    }
    let triple = format!("{}-unknown-linux-gnu", architecture(bundle.target));
    let folder = env::var_os("CARGO_TARGET_DIR").map_or_else(|| base.join("target"), PathBuf::from);
    let path = folder.join(&triple).join("release/edgefuse");
    if !path.is_file() {
        return Err(problem(format!(
            "no program for {} at {}; build it with `cross build --release --target {triple}`, or name it with --binary",
            bundle.target,
            path.display()
        )));
    }
    checked(&path, bundle.target, "the program there")
}

/// Origin of the board's ONNX Runtime.
pub(super) enum Library {
    /// From the bundle: the file on this machine, and its path in the bundle.
    Packed(PathBuf, String),
    /// The board has its own, for this reason.
    OfBoard(String),
}

/// The library, or why the board must have its own: only the board's vendor builds ONNX Runtime with the board's
/// execution providers.
pub(super) fn library(bundle: &Bundle, device: &Device) -> Result<Library, Error> {
    let usual = || "lib/libonnxruntime.so".to_string();
    let given = bundle.library.as_ref().map(|path| checked(path, bundle.target, "--library")).transpose()?;
    if let Some(named) = &device.runtime.library {
        return named_library(bundle, device, named, given);
    }
    if let Some(path) = given {
        return Ok(Library::Packed(path, usual()));
    }
    if let Some(provider) = device.providers().find(|provider| provider.name() != "cpu") {
        return Ok(Library::OfBoard(format!("provider `{}` needs the board's own ONNX Runtime", provider.name())));
    }
    let of_target = device.base.join("lib").join(architecture(bundle.target));
    let folders = [Some(of_target), (Machine::own() == Some(bundle.target)).then(|| device.base.join("lib"))];
    let candidates: Vec<PathBuf> =
        folders.into_iter().flatten().map(|folder| folder.join("libonnxruntime.so")).collect();
    match candidates.iter().find(|path| path.exists()) {
        Some(path) => Ok(Library::Packed(checked(path, bundle.target, "the library there")?, usual())),
        None => Err(problem(format!(
            "no ONNX Runtime for {} at {}; fetch it with `scripts/setup.sh {}`, or name it with --library",
            bundle.target,
            candidates.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" or "),
            if bundle.target == Machine::Aarch64 { "aarch64" } else { "" }
        ))),
    }
}

/// The library that the device file names: part of the bundle if its path is relative, otherwise the board's.
fn named_library(bundle: &Bundle, device: &Device, named: &Path, given: Option<PathBuf>) -> Result<Library, Error> {
    let config = device.path.display();
    if !device.runtime.library_is_relative {
        return match given {
            None => Ok(Library::OfBoard(format!("{config} names the board's own library, {}", named.display()))),
            Some(_) => Err(problem(format!(
                "{config}: runtime.library names the board's own library, {}, so the board would not use that of --library; leave one of \
                 them out",
                named.display()
            ))),
        };
    }
    let place = place(named, &device.base).ok_or_else(|| {
        problem(format!("{config}: runtime.library: {} is outside the packed folder", named.display()))
    })?;
    match given {
        Some(path) => Ok(Library::Packed(path, place)),
        None if named.exists() => Ok(Library::Packed(checked(named, bundle.target, "runtime.library")?, place)),
        None => Err(problem(format!(
            "{config}: runtime.library: {} does not exist; set --library, or the absolute path of the board's own library",
            named.display()
        ))),
    }
}

/// The first part of the target's name.
pub(super) fn architecture(machine: Machine) -> &'static str {
    match machine {
        Machine::Aarch64 => "aarch64",
        _ => "x86_64",
    }
}

fn checked(path: &Path, wanted: Machine, who: &str) -> Result<PathBuf, Error> {
    let error = |what: String| problem(format!("{}: {what} ({who})", path.display()));
    // The target of a link is packed; its name may contain a version.
    let path = path.canonicalize().map_err(|cause| error(format!("cannot read: {cause}")))?;
    match Machine::of_file(&path) {
        Ok(found) if found == wanted => Ok(path),
        Ok(found) => Err(error(format!("built for {found}, but the bundle is for {wanted}"))),
        Err(why) => Err(error(format!("not a program or library: {why}"))),
    }
}

fn problem(problem: String) -> Error {
    Error::Bundle { problem }
}
