//! Names of devices, sources and records as parts of topics and files.

use std::fmt::Write;

/// The longest part, in bytes.
const LONGEST: usize = 120;

/// `name` as one level of a topic, or one part of a path: other characters than letters, digits, `-`, `_` and inner `.` are
/// written as `%XX`, so that `/`, `+`, `#` and `..` mean nothing. The end of a very long name is cut off.
pub fn escaped(name: &str) -> String {
    let mut text = String::new();
    for (index, char) in name.char_indices() {
        let plain = char.is_alphanumeric() || "-_".contains(char) || (char == '.' && index > 0);
        let mut part = String::new();
        match plain {
            true => part.push(char),
            false => char.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| {
                let _ = write!(part, "%{byte:02X}");
            }),
        }
        if text.len() + part.len() > LONGEST {
            break;
        }
        text.push_str(&part);
    }
    text
}

/// As [`escaped`], with the letters that Home Assistant accepts in ids: `a` to `z`, digits, `-` and `_`.
pub fn id(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes().take(LONGEST / 3) {
        match byte.is_ascii_alphanumeric() || b"-_".contains(&byte) {
            true => text.push(char::from(byte)),
            false => {
                let _ = write!(text, "_{byte:02x}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{escaped, id};

    #[test]
    fn names_cannot_break_topics_or_paths() {
        for (name, expected) in [
            ("front-door", "front-door"),
            ("a/b", "a%2Fb"),
            ("+", "%2B"),
            ("#", "%23"),
            ("$SYS", "%24SYS"),
            ("..", "%2E."),
            (".hidden", "%2Ehidden"),
            ("Tür 1.5", "Tür%201.5"),
            ("50%", "50%25"),
            ("a\0b\n", "a%00b%0A"),
        ] {
            assert_eq!(escaped(name), expected);
        }
        assert_eq!(escaped(&"é".repeat(500)).len(), 120);
        assert_eq!(escaped(&" ".repeat(500)).len(), 120);
    }

    #[test]
    fn ids_have_only_letters_digits_and_lines() {
        assert_eq!(id("front-door_1"), "front-door_1");
        assert_eq!(id("Tür/1"), "T_c3_bcr_2f1");
        assert_ne!(id("a b"), id("a_b"));
    }
}
