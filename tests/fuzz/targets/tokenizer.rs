//! `tokenizer.json` of a model folder.

use edgefuse::models::{TokenBytes, Vocabulary};

use super::{accepted, scratch};

pub(super) fn bytes(bytes: &[u8]) -> bool {
    scratch::with_file("tokenizer.json", bytes, |path| {
        let Some(tokens) = accepted(TokenBytes::read(path)) else { return false };
        let _ = tokens.text(&[i64::MIN, -1, 0, 1, 2, 3, 255, 1 << 20, i64::MAX]);
        true
    })
}

pub(super) fn vocabulary(bytes: &[u8]) -> bool {
    scratch::with_file("tokenizer.json", bytes, |path| {
        let Some(vocabulary) = accepted(Vocabulary::read(path)) else { return false };
        for text in ["", "What is it?", "  zwei\n\u{1f600}\u{301}e\0"] {
            if let Some(ids) = accepted(vocabulary.encode(text, true)) {
                accepted(vocabulary.decode(&ids));
            }
        }
        accepted(vocabulary.decode(&[i64::MIN, 0, 1, i64::MAX]));
        true
    })
}
