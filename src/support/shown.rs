//! Untrusted text in messages.

/// The beginning of `text`, at most `most` characters, for a message of one line: control characters, line separators and
/// marks that reverse the direction of writing are escaped, and `...` shows that the text was shortened.
pub fn shown(text: &str, most: usize) -> String {
    let mut shown = String::new();
    let mut length = 0;
    for character in text.chars() {
        let escaped = match character {
            '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => character.escape_unicode().to_string(),
            control if control.is_control() => control.escape_debug().to_string(),
            other => other.to_string(),
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
        assert_eq!(shown("a\\b \u{939}\u{93f} \u{202e}x", 40), "a\\b \u{939}\u{93f} \\u{202e}x");
        assert_eq!(shown("abc", 3), "abc");
        assert_eq!(shown("abcd", 3), "abc...");
        assert_eq!(shown(&"\u{17}".repeat(40), 40), format!("{}...", "\\u{17}".repeat(6)));
    }
}
