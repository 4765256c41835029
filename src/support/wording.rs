//! Serde's messages in the terms of YAML and JSON, rather than of Rust.

/// Types that serde found, and their plain names.
const FOUND: [(&str, &str); 4] =
    [("floating point ", "number "), ("map", "a mapping"), ("sequence", "a list"), ("unit value", "nothing")];

/// Types that serde expected, and their plain names.
const EXPECTED: [(&str, &str); 14] = [
    ("a boolean", "true or false"),
    ("a map", "a mapping"),
    ("a sequence", "a list"),
    ("f32", "a number"),
    ("f64", "a number"),
    ("i32", "a whole number"),
    ("i64", "a whole number"),
    ("path string", "a path"),
    ("u16", "a whole number, 0 or more"),
    ("u32", "a whole number, 0 or more"),
    ("u64", "a whole number, 0 or more"),
    ("u8", "a whole number, 0 to 255"),
    ("unit", "nothing"),
    ("usize", "a whole number, 0 or more"),
];

/// `invalid type: sequence, expected usize` as `invalid type: a list, expected a whole number, 0 or more`. What follows the
/// expected type, such as a position, stays; so does every other message.
pub fn in_plain_words(message: &str) -> String {
    let Some((before, after)) = message.rsplit_once(", expected ") else { return message.to_string() };
    let (expected, rest) = after.split_at(after.find(" at ").unwrap_or(after.len()));
    let expected = EXPECTED.iter().find(|(word, _)| *word == expected).map_or(expected, |(_, plain)| plain);
    let before = match before.rsplit_once("invalid type: ") {
        Some((start, found)) => {
            let plain = FOUND.iter().find_map(|(word, plain)| {
                let rest = found.strip_prefix(word)?;
                (rest.is_empty() || word.ends_with(' ')).then(|| format!("{plain}{rest}"))
            });
            format!("{start}invalid type: {}", plain.unwrap_or_else(|| found.to_string()))
        }
        None => before.to_string(),
    };
    format!("{before}, expected {expected}{rest}")
}

#[cfg(test)]
mod tests {
    use super::in_plain_words;

    #[test]
    fn types_are_those_of_yaml_and_json() {
        for (message, plain) in [
            ("invalid type: sequence, expected a map", "invalid type: a list, expected a mapping"),
            (
                "a.b: invalid type: integer `-1`, expected usize at line 3 column 4",
                "a.b: invalid type: integer `-1`, expected a whole number, 0 or more at line 3 column 4",
            ),
            (
                "invalid type: floating point `1.5`, expected u8",
                "invalid type: number `1.5`, expected a whole number, 0 to 255",
            ),
            ("invalid type: unit value, expected a boolean", "invalid type: nothing, expected true or false"),
            (
                "invalid type: string \"map, expected usize\", expected f32",
                "invalid type: string \"map, expected usize\", expected a number",
            ),
            // Messages of our own.
            (
                "invalid type: map, expected a size with its unit",
                "invalid type: a mapping, expected a size with its unit",
            ),
            ("unknown field `x`, expected one of `a`, `b`", "unknown field `x`, expected one of `a`, `b`"),
            ("missing field `device`", "missing field `device`"),
        ] {
            assert_eq!(in_plain_words(message), plain);
        }
    }
}
