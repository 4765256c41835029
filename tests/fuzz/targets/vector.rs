//! Vectors, as `.npy` or JSON.

use edgefuse::media::vector;

use super::{accepted, scratch};

pub(super) fn file(bytes: &[u8]) -> bool {
    scratch::with_file("vector", bytes, |path| {
        let Some(numbers) = accepted(vector::load(path)) else { return false };
        assert!((1..=vector::MAX_NUMBERS).contains(&numbers.len()));
        true
    })
}
