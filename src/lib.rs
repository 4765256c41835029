//! Offline captions, transcripts, answers and fused decisions on embedded Linux boards, through ONNX Runtime.
//!
//! The layers, each using only those below it: [`pipeline`] (records in, results out) → [`models`] (BLIP, Whisper, the
//! student) → [`media`] (bytes to tensors) and [`engine`] (everything that touches ONNX Runtime) → [`config`] (device
//! files and model folders). The program on top of them (`cli`, `bench`, `bundle`; cargo feature `cli`) is not part of
//! the library. See docs/architecture.md.

#![warn(missing_docs)]

pub mod config;
pub mod engine;
pub mod error;
mod file_lock;
pub mod media;
pub mod models;
mod path_text;
pub mod pipeline;
pub mod small_file;
pub mod whole_file;
