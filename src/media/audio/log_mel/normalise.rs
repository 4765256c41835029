//! Converts logarithms of energies to Whisper's input values: a floor set by the loudest bin of the recording, and a
//! scale of about [-1, 1].

use ndarray::Array2;

use super::plan::LANES;

/// The floor of the spectrogram in decades below the loudest bin.
const DYNAMIC_RANGE: f32 = 8.0;

/// Floor and scale of a recording whose loudest bin is `loudest`.
pub(super) fn scale(loudest: f32) -> impl Fn(f32) -> f32 + Copy {
    let floor = loudest - DYNAMIC_RANGE;
    move |value| (value.max(floor) + 4.0) / 4.0
}

/// Converts frames of [`super::LogMelStream`], `n_mels` values each, to a spectrogram of shape `[n_mels, frames]`,
/// given the largest value of the whole recording. An incomplete frame is left out.
pub fn normalise(columns: &[f32], n_mels: usize, loudest: f32) -> Array2<f32> {
    let n_mels = n_mels.max(1);
    let frames = columns.len() / n_mels;
    let mut spectrogram = Array2::zeros((n_mels, frames));
    let scale = scale(loudest);
    let Some(values) = spectrogram.as_slice_mut() else { return spectrogram };
    // A few frames at a time, so that input and output stay in the cache.
    for (block, columns) in columns[..frames * n_mels].chunks(LANES * n_mels).enumerate() {
        let count = columns.len() / n_mels;
        for (mel, row) in values.chunks_exact_mut(frames).enumerate() {
            let row = &mut row[block * LANES..][..count];
            for (value, column) in row.iter_mut().zip(columns.chunks_exact(n_mels)) {
                *value = scale(column[mel]);
            }
        }
    }
    spectrogram
}
