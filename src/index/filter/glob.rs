//! Patterns with `*` and `?`.

/// Whether `pattern` describes the whole of `text`: `*` stands for any characters, also `/`, and `?` for one. Takes at most
/// as many steps as the product of their lengths.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    // What follows the last `*`, and the text from which it was last tried.
    let mut retry: Option<(std::str::Chars, std::str::Chars)> = None;
    loop {
        let (before, rest) = (pattern.clone(), text.clone());
        match (pattern.next(), text.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                text = rest;
                retry = Some((pattern.clone(), text.clone()));
            }
            (Some('?'), Some(_)) => {}
            (Some(one), Some(other)) if one == other => {}
            _ => {
                drop(before);
                let Some((after, from)) = &mut retry else { return false };
                if from.next().is_none() {
                    return false;
                }
                (pattern, text) = (after.clone(), from.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn stars_stand_for_any_characters() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*", "a", true),
            ("*.jpg", "/x/y.jpg", true),
            ("*.jpg", "/x/y.jpeg", false),
            ("*/holiday/*", "/home/me/holiday/1.png", true),
            ("a?c", "aéc", true),
            ("a?c", "ac", false),
            ("*ab*ab", "abaab", true),
            ("*ab*ab", "abaa", false),
            ("a**b", "ab", true),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
        assert!(!fits(&"*a".repeat(200), &"a".repeat(199)));
    }
}
