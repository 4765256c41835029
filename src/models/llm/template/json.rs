//! JSON as Python's `json.dumps(value, ensure_ascii=False)` writes it: with a space after `,` and `:`.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

use super::Limited;

/// `value` as JSON; with `indent`, each entry on a line of its own.
///
/// # Errors
/// [`serde_json::Error`] for a value that JSON does not have, or whose JSON is too long.
pub(super) fn dumps(value: &impl Serialize, indent: Option<usize>) -> Result<String, serde_json::Error> {
    let mut text = Limited(Vec::new());
    match indent {
        Some(width) => {
            let spaces = vec![b' '; width.min(64)];
            value.serialize(&mut Serializer::with_formatter(&mut text, PrettyFormatter::with_indent(&spaces)))?;
        }
        None => value.serialize(&mut Serializer::with_formatter(&mut text, Spaced))?,
    }
    // serde_json writes UTF-8 only.
    Ok(String::from_utf8_lossy(&text.0).into_owned())
}

/// All in one line, with spaces.
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}
