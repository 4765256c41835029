//! The median filter.

/// Number of values per median.
const WIDTH: usize = 7;

/// Number of values on either side.
const HALF: usize = WIDTH / 2;

/// The median of the seven values around each of `values`. Beyond the ends the values are mirrored without repeating
/// the end itself.
///
/// After openai-whisper's `timing.py`, `median_filter`: too few values to be mirrored are returned unchanged.
pub(super) fn median_filter(values: &[f32]) -> Vec<f32> {
    let count = values.len();
    let mut filtered = values.to_vec();
    if count <= HALF {
        return filtered;
    }
    let before = values[1..=HALF].iter().rev();
    let after = values[count - 1 - HALF..count - 1].iter().rev();
    let mirrored: Vec<f32> = before.chain(values).chain(after).copied().collect();
    for (window, filtered) in mirrored.windows(WIDTH).zip(&mut filtered) {
        if let Ok(window) = window.try_into() {
            *filtered = median(window);
        }
    }
    filtered
}

/// Thirteen exchanges without branches, so that the compiler vectorises over several windows: Devillard, "Fast median
/// search: an ANSI C implementation", `opt_med7`.
fn median(mut values: [f32; WIDTH]) -> f32 {
    const EXCHANGES: [(usize, usize); 13] =
        [(0, 5), (0, 3), (1, 6), (2, 4), (0, 1), (3, 5), (2, 6), (2, 3), (3, 6), (4, 5), (1, 4), (1, 3), (3, 4)];
    for (low, high) in EXCHANGES {
        let (a, b) = (values[low], values[high]);
        values[low] = if a < b { a } else { b };
        values[high] = if a < b { b } else { a };
    }
    values[HALF]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_of_every_order() {
        // A network that sorts all sequences of two values sorts any sequence (0-1 principle).
        for bits in 0..1_u32 << WIDTH {
            let values = std::array::from_fn(|at| (bits >> at & 1) as f32);
            assert_eq!(median(values), if bits.count_ones() > 3 { 1.0 } else { 0.0 }, "{values:?}");
        }
    }

    #[test]
    fn returns_the_median_and_mirrors_the_ends() {
        // Mirrored: 0, 7, 6, then the values, then 7, 6, 5.
        assert_eq!(median_filter(&[5.0, 6.0, 7.0, 0.0]), [6.0, 6.0, 6.0, 6.0]);
        assert_eq!(median_filter(&[9.0, 1.0, 2.0, 8.0, 3.0, 7.0, 4.0]), [2.0, 2.0, 3.0, 4.0, 4.0, 4.0, 7.0]);
    }

    #[test]
    fn leaves_too_few_as_they_are() {
        assert_eq!(median_filter(&[3.0, 1.0, 2.0]), [3.0, 1.0, 2.0]);
        assert!(median_filter(&[]).is_empty());
    }
}
