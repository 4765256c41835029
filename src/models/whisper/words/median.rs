//! The median filter.

/// The median of the `width` values around each of `values`. Beyond the ends the values are mirrored, the end itself not
/// repeated. `width` is odd.
///
/// After openai-whisper's `timing.py`, `median_filter`: values too few to be mirrored are left as they are.
pub(super) fn median_filter(values: &[f32], width: usize) -> Vec<f32> {
    let half = width / 2;
    let count = values.len();
    if count <= half {
        return values.to_vec();
    }
    let before = values[1..=half].iter().rev();
    let after = values[count - 1 - half..count - 1].iter().rev();
    let mirrored: Vec<f32> = before.chain(values).chain(after).copied().collect();
    let mut sorted = vec![0.0; width];
    let median = |window: &[f32]| {
        sorted.copy_from_slice(window);
        *sorted.select_nth_unstable_by(half, f32::total_cmp).1
    };
    mirrored.windows(width).map(median).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_middle_and_mirrors_the_ends() {
        assert_eq!(median_filter(&[9.0, 1.0, 2.0, 8.0, 3.0], 3), [1.0, 2.0, 2.0, 3.0, 8.0]);
        // Mirrored: 0, 7, 6, then the values, then 7, 6, 5.
        assert_eq!(median_filter(&[5.0, 6.0, 7.0, 0.0], 7), [6.0, 6.0, 6.0, 6.0]);
    }

    #[test]
    fn leaves_too_few_as_they_are() {
        assert_eq!(median_filter(&[3.0, 1.0, 2.0], 7), [3.0, 1.0, 2.0]);
        assert!(median_filter(&[], 7).is_empty());
    }
}
