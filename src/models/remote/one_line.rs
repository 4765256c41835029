//! What endpoints and libraries say, in one line of bounded length.

use serde_json::Value;

/// Longest text that is passed on, in characters.
const LONGEST: usize = 300;

/// The message in an error object, in one line.
pub(super) fn message(error: &Value) -> String {
    let text = error.get("message").or_else(|| error.get("detail")).unwrap_or(error);
    first_line(text.as_str().map_or_else(|| text.to_string(), str::to_string).as_str())
}

/// The text in one line of bounded length.
pub(super) fn first_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{} ...", &line[..at]),
        None => line,
    }
}
