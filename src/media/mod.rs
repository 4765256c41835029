//! Bytes to tensors: audio, image and vector files become the input arrays of models.
//!
//! This layer does not know models. Sizes, rates and constants arrive through [`audio::LogMelConfig`] and
//! [`image::PixelConfig`], which the models fill in from their `model.yaml`. Conversely, no other layer knows file
//! formats.
//!
//! Errors name the cause but not the file: the caller knows the path and adds it.

pub mod audio;
mod ffmpeg;
pub(crate) mod file;
pub mod image;
pub mod vector;
pub mod video;

pub use file::FileError;
