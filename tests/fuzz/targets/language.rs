//! Names of languages.

use edgefuse::models::whisper::language_code;

pub(super) fn name(bytes: &[u8]) -> bool {
    let name = String::from_utf8_lossy(bytes);
    let Some(code) = language_code(&name) else { return false };
    assert!((2..=3).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_lowercase()), "{name:?}: {code}");
    assert_eq!(language_code(&name.to_uppercase()), Some(code), "{name:?}: not in capitals");
    true
}
