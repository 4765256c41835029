//! Credentials in addresses, for messages that people and logs read.

use std::borrow::Cow;

/// The text with the credentials of all addresses in it replaced: `rtsp://user:password@host` becomes `rtsp://***@host`.
pub fn redacted(text: &str) -> Cow<'_, str> {
    let mut rest = text;
    let mut safe = String::new();
    while let Some((before, after)) = rest.split_once("://") {
        let end = after.find(|char: char| {
            char == '/' || char == '?' || char == '#' || char.is_whitespace() || "'\"".contains(char)
        });
        let authority = &after[..end.unwrap_or(after.len())];
        safe.push_str(before);
        safe.push_str("://");
        rest = match authority.rfind('@') {
            Some(at) => {
                safe.push_str("***");
                &after[at..]
            }
            None => after,
        };
    }
    match safe.is_empty() {
        true => Cow::from(text),
        false => Cow::from(safe + rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_credentials_are_replaced() {
        for (text, expected) in [
            ("rtsp://admin:secret@cam:554/live", "rtsp://***@cam:554/live"),
            ("rtsp://admin:p@ss@cam/live?x=a@b", "rtsp://***@cam/live?x=a@b"),
            ("mqtt://token@host", "mqtt://***@host"),
            ("http://cam/a@b and x@y", "http://cam/a@b and x@y"),
            ("no address, a@b", "no address, a@b"),
            ("'http://u:p@h': refused; http://v:q@i/x", "'http://***@h': refused; http://***@i/x"),
            ("://", "://"),
        ] {
            assert_eq!(redacted(text), expected);
        }
    }
}
