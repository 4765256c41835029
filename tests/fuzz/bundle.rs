//! Fuzzed parts of the program's bundles, which are not part of the library.

use std::path::Path;

use edgefuse::error::Error;

#[path = "../../src/bundle/place.rs"]
mod place;

pub fn place(path: &Path, base: &Path) -> Option<String> {
    place::place(path, base)
}

pub fn safe(name: &str) -> Result<&str, Error> {
    place::safe(name)
}
