//! Addresses without their credentials, for everything that is printed.

use std::borrow::Cow;

/// Characters that end an address within a text.
const ENDS: &[char] = &[' ', '\t', '\n', '\r', '"', '\'', '<', '>', '`', '\\'];

/// `text`, with what precedes the `@` of each address replaced: `rtsp://user:pass@camera` becomes `rtsp://***@camera`.
pub fn redacted(text: &str) -> Cow<'_, str> {
    let mut clean = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + "://".len());
        clean.push_str(before);
        let word = after.find(ENDS).unwrap_or(after.len());
        let authority = after[..word].find(['/', '?', '#']).unwrap_or(word);
        // A password may contain the characters that should end it, so the last `@` of the address counts.
        let secret = after[..word].rfind('@').filter(|at| *at < authority || after[..*at].contains(':'));
        rest = match secret {
            Some(at) => {
                clean.push_str("***");
                &after[at..]
            }
            None => after,
        };
    }
    if clean.is_empty() {
        return Cow::Borrowed(text);
    }
    clean.push_str(rest);
    Cow::Owned(clean)
}

#[cfg(test)]
mod tests {
    use super::redacted;

    #[test]
    fn credentials_are_replaced_wherever_they_are() {
        for (text, clean) in [
            ("rtsp://user:pass@cam/stream", "rtsp://***@cam/stream"),
            ("cannot open `mqtt://u:p@host:1883`: refused", "cannot open `mqtt://***@host:1883`: refused"),
            ("http://token@host/ and http://a:b@c", "http://***@host/ and http://***@c"),
            ("rtsp://user:p/a@ss@cam/1", "rtsp://***@cam/1"),
            ("http://host/users/a@b", "http://host/users/a@b"),
            ("no address: a@b", "no address: a@b"),
            ("http://host", "http://host"),
            ("", ""),
        ] {
            assert_eq!(redacted(text), clean);
        }
    }
}
