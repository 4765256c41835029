//! Paths as text that can be converted back to the path.

use std::fmt::Write;
use std::path::Path;

/// The path as text. A byte that is not UTF-8 is written as `\xFE`, and a backslash that already starts such an escape
/// as `\x5C`, so two different paths never have the same text.
pub(crate) fn path_text(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        let valid = chunk.valid();
        let mut from = 0;
        for (at, _) in valid.match_indices('\\').filter(|(at, _)| starts_escape(&valid[at + 1..])) {
            text.push_str(&valid[from..at]);
            text.push_str("\\x5C");
            from = at + 1;
        }
        text.push_str(&valid[from..]);
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02X}");
        }
    }
    text
}

/// Whether the text after a backslash makes it an escape: `x` and two hexadecimal digits.
fn starts_escape(rest: &str) -> bool {
    let digits = rest.strip_prefix('x').map(str::as_bytes).and_then(|rest| rest.get(..2));
    digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn different_paths_have_different_texts() {
        let text = |bytes: &[u8]| path_text(Path::new(OsStr::from_bytes(bytes)));
        assert_eq!(text("a\\b/\u{e9}\n.png".as_bytes()), "a\\b/\u{e9}\n.png");
        assert_eq!(text(b"c\xfe.png"), "c\\xFE.png");
        assert_eq!(text(b"c\xff.png"), "c\\xFF.png");
        assert_eq!(text(b"c\\xFE.png"), "c\\x5CxFE.png");
        assert_eq!(text(b"c\\\xfe"), "c\\\\xFE");
        assert_eq!(text(b"c\\x5CxFE"), "c\\x5Cx5CxFE");
    }
}
