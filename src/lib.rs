//! Offline captions, transcripts, answers and fused decisions on embedded Linux boards, through ONNX Runtime.
//!
//! The layers, each using only those below it: `cli` (the command line) → [`pipeline`] (records in, results out) →
//! [`models`] (BLIP, Whisper, the student) → [`media`] (bytes to tensors) and [`engine`] (all that touches ONNX
//! Runtime) → [`config`] (device files and model folders). See docs/architecture.md.

#![warn(missing_docs)]

pub mod bench;
pub mod bundle;
pub mod config;
pub mod engine;
pub mod error;
pub mod media;
pub mod models;
pub mod pipeline;
pub mod small_file;
pub mod whole_file;
