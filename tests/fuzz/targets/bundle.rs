//! Names in a bundle, which a shell, systemd and `sha256sum` read.

use std::path::{Component, Path, PathBuf};

use crate::bundle;

/// Characters that end a word, are expanded, or begin something else in one of these languages.
const SPECIAL: &str = "\"'`$\\%;&|<>()[]{}*?#~!^\n\r\t\0";

/// A path and, after a newline, the folder that relative paths start from.
pub(super) fn names(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let (path, base) = text.split_once('\n').unwrap_or((&text, ""));
    let Some(place) = bundle::place(Path::new(path), Path::new(base)) else { return false };
    let parts: Vec<_> = Path::new(&place).components().collect();
    assert!(parts.iter().all(|part| matches!(part, Component::Normal(_))), "{place:?} leaves the bundle");
    // `./x` is `x`.
    let plain = |path: &Path| path.components().filter(|it| *it != Component::CurDir).collect::<PathBuf>();
    assert_eq!(plain(&Path::new(base).join(&place)), plain(Path::new(path)), "{place:?} is not {path:?}");
    if bundle::safe(&place).is_err() {
        return false;
    }
    assert!(!place.contains(|it: char| SPECIAL.contains(it) || it.is_control()), "{place:?} is safe");
    assert!(!place.split('/').any(|part| part.starts_with('-')), "{place:?} is an option");
    true
}
