//! Where files lie in a bundle: as they do below the folder that the device file's paths start from.

use std::path::{Component, Path, PathBuf};

/// Where a model folder or library lies, from the folder that the device file's paths start from; `None` where it is not below it.
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
    fn models_lie_below_the_base() {
        let place = |path: &str, base: &str| place(Path::new(path), Path::new(base));
        assert_eq!(place("onnx/student", "").as_deref(), Some("onnx/student"));
        assert_eq!(place("/opt/e/./onnx/student", "/opt/e").as_deref(), Some("onnx/student"));
        assert_eq!(place("/models/student", ""), None);
        assert_eq!(place("../student", ""), None);
        assert_eq!(place("/opt/e", "/opt/e"), None);
    }
}
