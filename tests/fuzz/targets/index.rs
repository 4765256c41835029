//! Filters of searches.

use edgefuse::index::{Filter, IndexError};

pub(super) fn filter(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    match Filter::parse(&text) {
        Ok(_) => {
            assert!(Filter::parse(&format!(" {text} ")).is_ok() || text.len() > 4_000, "{text:?}");
            true
        }
        Err(error) => {
            assert!(matches!(error, IndexError::Filter { .. }), "{text:?}: {error:?}");
            let message = error.to_string();
            assert!(!message.contains('\n') && message.chars().count() < 400, "{text:?}: {message}");
            false
        }
    }
}
