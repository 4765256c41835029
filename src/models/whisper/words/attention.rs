//! From the scores of the alignment heads to the time of each token.

use ndarray::{Array2, ArrayView2, ArrayView3, Axis, Zip, s};

use super::dtw::first_columns;
use super::median::median_filter;
use crate::models::generation::softmax;

/// Encoder positions per second, of two mel frames each.
pub const POSITIONS_PER_SECOND: f64 = 50.0;

/// How well each token matches each encoder position: `[tokens, positions]`.
///
/// `scores` are the scaled products of query and key, before the softmax, of every alignment head:
/// `[heads, tokens, source]`. Only the first `positions` of the source, which contain sound, are used. After
/// openai-whisper's `timing.py`, `find_alignment`: softmax over time, normalisation of each position over the tokens,
/// median filter over time, mean over the heads.
pub fn token_matrix(scores: ArrayView3<f32>, positions: usize) -> Array2<f32> {
    let (heads, tokens, source) = scores.dim();
    let positions = positions.min(source);
    let mut sum = Array2::zeros((tokens, positions));
    if positions == 0 {
        return sum;
    }
    for head in scores.axis_iter(Axis(0)) {
        let mut weights = head.slice(s![.., ..positions]).as_standard_layout().into_owned();
        for mut row in weights.rows_mut() {
            if let Some(row) = row.as_slice_mut() {
                softmax(row);
            }
        }
        normalise(&mut weights);
        for (row, mut sum) in weights.rows().into_iter().zip(sum.rows_mut()) {
            let filtered = median_filter(&row.to_vec());
            sum.iter_mut().zip(filtered).for_each(|(sum, value)| *sum += value);
        }
    }
    sum / heads.max(1) as f32
}

/// Seconds from the start of the window at which each row of `matrix` `[tokens, positions]` begins.
pub fn begin_times(matrix: ArrayView2<f32>) -> Vec<f64> {
    let cost = matrix.mapv(|value| -value);
    first_columns(cost.view()).into_iter().map(|column| column as f64 / POSITIONS_PER_SECOND).collect()
}

/// Subtracts the mean of each column and divides by its (population) standard deviation.
fn normalise(weights: &mut Array2<f32>) {
    let mean = weights.mean_axis(Axis(0)).unwrap_or_default();
    let deviation = weights.std_axis(Axis(0), 0.0);
    for row in weights.rows_mut() {
        Zip::from(row).and(&mean).and(&deviation).for_each(|value, mean, deviation| {
            // If all tokens are equal, dividing by zero would put NaN into the path.
            *value = if *deviation > 0.0 { (*value - mean) / deviation } else { 0.0 };
        });
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;

    #[test]
    fn finds_tokens_where_the_heads_look() {
        // Three tokens that attend to ten positions each, one after the other.
        let scores = Array3::from_shape_fn((2, 3, 40), |(_, token, at)| if at / 10 == token { 9.0 } else { 0.0 });
        let matrix = token_matrix(scores.view(), 30);
        assert_eq!(matrix.dim(), (3, 30));
        assert_eq!(begin_times(matrix.view()), [0.0, 0.2, 0.4]);
    }

    #[test]
    fn is_finite_where_all_tokens_are_alike() {
        let matrix = token_matrix(Array3::zeros((1, 4, 20)).view(), 20);
        assert!(matrix.iter().all(|value| *value == 0.0));
        assert_eq!(token_matrix(Array3::zeros((1, 4, 20)).view(), 0).dim(), (4, 0));
    }
}
