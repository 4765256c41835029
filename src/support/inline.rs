//! Files inside a text: base64, and data URLs.

/// The bytes of base64, which may have line breaks.
///
/// # Errors
/// One line.
pub fn from_base64(text: &str) -> Result<Vec<u8>, &'static str> {
    let packed: String = text.split_ascii_whitespace().collect();
    base64::decode(packed).map_err(|_| "not base64: letters, digits, `+` and `/`, in groups of four that `=` completes")
}

/// The bytes of a data URL in base64, given without its `data:`.
///
/// # Errors
/// One line.
pub fn from_data_url(rest: &str) -> Result<Vec<u8>, &'static str> {
    let (kind, data) = rest.split_once(',').ok_or("the data URL has no comma")?;
    if !kind.ends_with(";base64") {
        return Err("the data URL must be base64");
    }
    from_base64(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_may_have_line_breaks() {
        for text in ["AQL6", "AQ\r\nL6\n", " AQL6"] {
            assert_eq!(from_base64(text).unwrap(), [1, 2, 250], "{text}");
        }
        for text in ["!!!", "AQL", "AQL6="] {
            assert!(from_base64(text).unwrap_err().contains("not base64"), "{text}");
        }
    }

    #[test]
    fn data_urls_are_in_base64() {
        assert_eq!(from_data_url("image/png;base64,AQL6").unwrap(), [1, 2, 250]);
        assert_eq!(from_data_url(";base64,AQL6").unwrap(), [1, 2, 250]);
        for (rest, problem) in [(",AQL6", "must be base64"), ("image/png", "no comma"), (";base64,*", "not base64")] {
            assert!(from_data_url(rest).unwrap_err().contains(problem), "{rest}");
        }
    }
}
