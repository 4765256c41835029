//! Blocks of samples between decoder and mix-down.

/// Frames returned by a decoder.
pub(super) struct Frames<'a> {
    /// Frames per second. Both this and the channels may change from block to block: a chained ogg file does that.
    pub(super) sample_rate: u32,
    /// Number of samples in a frame.
    pub(super) channels: usize,
    /// Whole frames; full scale is [-1, 1].
    pub(super) interleaved: &'a [f32],
}
