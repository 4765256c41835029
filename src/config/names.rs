//! Names of models, sources and indexes.

/// Why `name` is not a valid name of a model or source; names are used in file names, metrics and command lines.
pub(super) fn unusable_name(name: &str) -> Option<&'static str> {
    let plain = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
    let usable = (1..=64).contains(&name.len()) && name.chars().all(plain) && !name.starts_with(['-', '.']);
    (!usable).then_some("a name is up to 64 letters, digits, `-`, `_` and `.`, and starts with a letter or digit")
}
