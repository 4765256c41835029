//! Parses YAML from untrusted sources into typed values: bounded in size, nesting and aliases, with merge keys (`<<`).

use std::path::Path;

use serde::de::{DeserializeOwned, DeserializeSeed};
use serde_yaml::{Mapping, Value};

use super::bounded_value::{Bounded, Budget};
use super::error::ConfigError;
use super::locate::locate;
use crate::support::small_file::{self, SmallFileError};
use crate::support::wording::in_plain_words;

/// Maximum size of a device file or `model.yaml`; a device file has about 1 KB, Whisper large's `model.yaml` about 20
/// KB.
const LARGEST: u64 = 1 << 20;

/// The YAML scanner needs quadratic time for nested brackets: 80,000 needed half a minute, this many about 0.1 s.
/// Which brackets nest is hard to know without scanning, so every `[` and `{` in the file counts.
const MOST_BRACKETS: usize = 8_192;

/// The merge key: the entries of its value are added to the enclosing mapping.
const MERGE: &str = "<<";

/// Prefix of top-level keys that a device file may use to hold anchors, as in Compose files.
const EXTENSION: &str = "x-";

/// Reads the text of a device file or `model.yaml`.
///
/// # Errors
/// [`ConfigError::Read`] or [`ConfigError::Yaml`] for a file that is missing, not a regular file, not UTF-8, larger
/// than 1 MiB, or has more than 8,192 brackets.
pub(super) fn read(path: &Path) -> Result<String, ConfigError> {
    let text = small_file::read_text(path, LARGEST).map_err(|error| match error {
        SmallFileError::Io(source) => ConfigError::Read { path: path.to_path_buf(), source },
        error => wrong(path, (0, 0), error.to_string()),
    })?;
    let mut brackets = text.bytes().enumerate().filter(|(_, byte)| matches!(byte, b'[' | b'{'));
    if let Some((at, _)) = brackets.nth(MOST_BRACKETS) {
        let line = text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        return Err(wrong(path, (line, 0), format!("more than {MOST_BRACKETS} opening brackets up to here")));
    }
    Ok(text)
}

/// Parses `text`, read from `path`. Merge keys are resolved; a mapping's own keys win, then those of
/// the first mapping in a list of merges.
///
/// # Errors
/// [`ConfigError::Yaml`] with the position of malformed YAML, unknown keys and wrong values, and for text whose aliases
/// expand to more than a configuration could need.
pub(super) fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, ConfigError> {
    let yaml = |error: serde_yaml::Error| ConfigError::yaml(path, &error);
    let mut budget = Budget::default();
    let mut value = Bounded(&mut budget).deserialize(serde_yaml::Deserializer::from_str(text)).map_err(yaml)?;
    let merged = merge(&mut value).map_err(|problem| wrong(path, (0, 0), problem))?;
    let dropped = drop_extensions(&mut value);
    if !merged && !dropped {
        // Parsed again from the text, because its errors have positions.
        let result = serde_path_to_error::deserialize(serde_yaml::Deserializer::from_str(text));
        return result.map_err(|error| {
            let keys = keys(error.path());
            at_value(ConfigError::yaml(path, error.inner()), text, &keys)
        });
    }
    serde_path_to_error::deserialize(value).map_err(|error| {
        let keys = keys(error.path());
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        // A merged key is not at its path in the text, but the mapping around it is.
        let place = (1..=keys.len()).rev().map(|depth| locate(text, &keys[..depth])).find(|place| place.0 > 0);
        wrong(path, place.unwrap_or_default(), in_plain_words(&error.into_inner().to_string().replace('\n', " ")))
    })
}

fn keys(path: &serde_path_to_error::Path) -> Vec<String> {
    let key = |segment: &serde_path_to_error::Segment| match segment {
        serde_path_to_error::Segment::Seq { index } => index.to_string(),
        serde_path_to_error::Segment::Map { key } => key.clone(),
        serde_path_to_error::Segment::Enum { variant } => variant.clone(),
        serde_path_to_error::Segment::Unknown => String::new(),
    };
    path.iter().map(key).collect()
}

/// Moves an error to the value at `keys` if its place is that of the mapping or list around the value: `serde_yaml`
/// places an error there if it is found after the value was read as text or number.
fn at_value(error: ConfigError, text: &str, keys: &[String]) -> ConfigError {
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    match (error, keys.split_last()) {
        // An unknown key is itself what is wrong, and may come first in its mapping.
        (ConfigError::Yaml { path, line, column, problem }, Some((_, around)))
            if !problem.contains("unknown field") && (line, column) == locate(text, around) =>
        {
            let (line, column) = Some(locate(text, &keys)).filter(|place| place.0 > 0).unwrap_or((line, column));
            ConfigError::Yaml { path, line, column, problem }
        }
        (error, _) => error,
    }
}

/// Resolves all merge keys below `value` and returns whether there were any.
///
/// `Value::apply_merge` does not resolve a merge inside of what is merged.
fn merge(value: &mut Value) -> Result<bool, String> {
    match value {
        Value::Sequence(entries) => entries.iter_mut().try_fold(false, |any, entry| Ok(merge(entry)? || any)),
        Value::Mapping(mapping) => {
            let mut any = false;
            for inner in mapping.values_mut() {
                any |= merge(inner)?;
            }
            let Some(merged) = mapping.remove(MERGE) else { return Ok(any) };
            let sources = match merged {
                Value::Sequence(sources) => sources,
                source => vec![source],
            };
            for source in sources {
                add(mapping, source)?;
            }
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Adds the entries of `source` whose keys do not exist yet.
fn add(mapping: &mut Mapping, source: Value) -> Result<(), String> {
    let Value::Mapping(source) = source else {
        return Err(format!("`{MERGE}` needs a mapping or a list of mappings, such as `{MERGE}: *name`"));
    };
    for (key, value) in source {
        mapping.entry(key).or_insert(value);
    }
    Ok(())
}

/// Drops top-level keys that only hold anchors, and returns whether there were any.
fn drop_extensions(value: &mut Value) -> bool {
    let Some(mapping) = value.as_mapping_mut() else { return false };
    let before = mapping.len();
    mapping.retain(|key, _| !key.as_str().is_some_and(|key| key.starts_with(EXTENSION)));
    mapping.len() < before
}

fn wrong(path: &Path, (line, column): (usize, usize), problem: String) -> ConfigError {
    ConfigError::Yaml { path: path.to_path_buf(), line, column, problem }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    type Nested = BTreeMap<String, BTreeMap<String, i64>>;

    fn nested(text: &str) -> Result<Nested, String> {
        parse(Path::new("f.yaml"), text).map_err(|error| error.to_string())
    }

    fn file(text: &str) -> Result<Value, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let parsed = read(file.path()).and_then(|text| parse(file.path(), &text));
        parsed.map_err(|error: ConfigError| error.to_string())
    }

    #[test]
    fn own_keys_win_then_the_first_of_a_list() {
        let text = "x-one: &one {p: 1, q: 1}\nx-two: &two {<<: *one, q: 2, r: 2}\n\
                    a: {<<: *one, q: 3}\nb: {<<: [*two, *one]}\nc: {<<: [*one, *two], p: 9}\nd: {<<: {p: 5}}\n";
        let found = nested(text).unwrap();
        let map = |entries: &[(&str, i64)]| entries.iter().map(|(key, value)| (key.to_string(), *value)).collect();
        let expected: [BTreeMap<String, i64>; 4] = [
            map(&[("p", 1), ("q", 3)]),
            map(&[("p", 1), ("q", 2), ("r", 2)]),
            map(&[("p", 9), ("q", 1), ("r", 2)]),
            map(&[("p", 5)]),
        ];
        assert_eq!(found.into_values().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn errors_in_merged_text_have_a_place() {
        let error = nested("a: &a {p: 1}\nb:\n  <<: *a\n  q: x\n").unwrap_err();
        assert!(error.starts_with("f.yaml:4:6: ") && error.contains("invalid type"), "{error}");
        for text in ["a: {<<: 3}", "a: {<<: [{p: 1}, 2]}"] {
            let error = nested(text).unwrap_err();
            assert!(error.contains("`<<` needs a mapping or a list of mappings"), "{error}");
        }
    }

    #[test]
    fn hostile_text_is_refused_at_once() {
        let laughs: String =
            (1..30).map(|level| format!("x-{level}: &a{level} [*a{0}, *a{0}, *a{0}]\n", level - 1)).collect();
        let long = format!("x-a: &a {}\nb: [{}]\n", "x".repeat(400_000), vec!["*a"; 50_000].join(", "));
        let many = format!("x-a: &a [{}]\nb: [{}]\n", "1, ".repeat(90_000), "*a, ".repeat(90_000));
        for (text, expected) in [
            (format!("a: {}{}", "[".repeat(80_000), "]".repeat(80_000)), "opening brackets"),
            (format!("a: {}{}", "[".repeat(8_000), "]".repeat(8_000)), "recursion limit"),
            (format!("a: {}", "[ # ]\n".repeat(80_000)), "opening brackets"),
            ("{a: ".repeat(80_000), "opening brackets"),
            (format!("a:\n{}1", "- ".repeat(400_000)), "recursion limit"),
            (format!("{}1", "? ".repeat(400_000)), "recursion limit"),
            (format!("x-0: &a0 [x, x, x]\n{laughs}"), "repetition limit"),
            (long, "aliases"),
            (many, "aliases"),
            ("a: &a [*a]".to_string(), "recursion limit"),
            ("a: !Thing {b: 1}".to_string(), "tags"),
            ("a: {b: 1, b: 2}".to_string(), "the key `b` occurs twice"),
        ] {
            let error = file(&text).unwrap_err();
            assert!(error.contains(expected), "{text:.40}: {error:.400}");
            assert!(!error.contains('\n') && error.len() < 400, "{error:.400}");
        }
    }
}
