//! Blocks of samples between decoder and mix-down.

/// Frames returned by a decoder.
pub(super) struct Frames<'a> {
    /// Frames per second. Rate and channels may change from block to block, as in a chained ogg file.
    pub(super) sample_rate: u32,
    /// Number of samples in a frame.
    pub(super) channels: usize,
    /// Whole frames; full scale is [-1, 1].
    pub(super) interleaved: &'a [f32],
}
