//! Bytes to tensors: audio, image and vector files become the arrays that models take.
//!
//! Nothing here knows a model. Sizes, rates and constants come in through [`audio::LogMelConfig`] and
//! [`image::PixelConfig`], which the models fill from their `model.yaml`; and nothing outside knows a file format.
//!
//! Error texts name the cause but not the file: the caller has the path and puts it in front.

pub mod audio;
mod file;
pub mod image;
pub mod vector;

pub use file::FileError;
