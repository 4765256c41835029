//! Text of strangers in messages.

/// The beginning of `text`, at most `most` characters, for a message of one line: control characters and line breaks are
/// escaped, and `...` says that it goes on.
pub fn shown(text: &str, most: usize) -> String {
    let mut shown = String::new();
    let mut length = 0;
    for character in text.chars() {
        // Quotes are as they were.
        let escaped = match character {
            '\'' | '"' => character.to_string(),
            other => other.escape_debug().to_string(),
        };
        length += escaped.chars().count();
        if length > most {
            shown.push_str("...");
            break;
        }
        shown.push_str(&escaped);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn is_one_line_of_bounded_length() {
        assert_eq!(shown("it's \"ä\"", 40), "it's \"ä\"");
        assert_eq!(shown("a\nb\u{1b}[31m", 40), "a\\nb\\u{1b}[31m");
        assert_eq!(shown("abc", 3), "abc");
        assert_eq!(shown("abcd", 3), "abc...");
        assert_eq!(shown(&"\u{17}".repeat(40), 40), format!("{}...", "\\u{17}".repeat(6)));
    }
}
