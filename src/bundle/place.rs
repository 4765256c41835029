//! Paths of files within a bundle: the same as below the folder from which the device file's paths start, with names
//! that are safe for a shell, for systemd and for `sha256sum`.

use std::path::{Component, Path, PathBuf};

use edgefuse::error::Error;

/// Characters that a name in a bundle may contain, apart from letters and digits.
const SAFE: &str = " ._-+@=,";

/// Rejects a name that a shell, systemd or `sha256sum` might interpret as something else. Names are quoted in each of
/// these languages too.
pub(super) fn safe(name: &str) -> Result<&str, Error> {
    let refused =
        |why: String| Err(Error::Bundle { problem: format!("{name:?} is not a valid name in a bundle: {why}") });
    if let Some(odd) = name.chars().find(|it| !(it.is_alphanumeric() || *it == '/' || SAFE.contains(*it))) {
        return refused(format!("it contains {odd:?}; use only letters, digits, spaces and any of {}", SAFE.trim()));
    }
    if name.split('/').any(|part| part.starts_with(['-', ' ']) || part.ends_with(' ')) {
        return refused("it starts with `-` or a space, or ends with a space; rename it".to_string());
    }
    Ok(name)
}

/// The path of a model folder or library, relative to the folder from which the device file's paths start; `None` if it
/// is not below it.
pub(super) fn place(path: &Path, base: &Path) -> Option<String> {
    let relative: PathBuf = path.strip_prefix(base).ok()?.components().filter(|it| *it != Component::CurDir).collect();
    let plain = relative.components().all(|component| matches!(component, Component::Normal(_)));
    let name = relative.to_str().filter(|name| plain && !name.is_empty())?;
    Some(name.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_or_refused() {
        for good in ["board.yaml", "my board.yaml", "Gerät-1_a+b@c=d,e.yaml", "onnx/whisper-tiny.en"] {
            assert_eq!(safe(good).unwrap(), good);
        }
        for bad in [
            "x;id;.yaml",
            "a&b",
            "a$b",
            "a`id`",
            "a\nb",
            "a'b",
            "a\"b",
            "a\\b",
            "a%b",
            "a#b",
            "-a",
            "onnx/-a",
            " a",
            "a ",
            "a\u{202e}b",
        ] {
            assert!(safe(bad).unwrap_err().to_string().contains("is not a valid name in a bundle"), "{bad}");
        }
    }

    #[test]
    fn models_lie_below_the_base() {
        let place = |path: &str, base: &str| place(Path::new(path), Path::new(base));
        assert_eq!(place("onnx/student", "").as_deref(), Some("onnx/student"));
        assert_eq!(place("/opt/e/./onnx/student", "/opt/e").as_deref(), Some("onnx/student"));
        assert_eq!(place("/models/student", ""), None);
        assert_eq!(place("../student", ""), None);
        assert_eq!(place("/opt/e", "/opt/e"), None);
    }
}
