//! Captions, transcripts, answers and fused decisions on embedded Linux boards, offline, through ONNX Runtime.
//!
//! A device file lists a board's models and the steps to run on each record:
//!
//! ```no_run
//! use edgefuse::{Error, Pipeline, Record};
//!
//! fn main() -> Result<(), Error> {
//!     let pipeline = Pipeline::from_device_file("configs/cpu.yaml")?;
//!     let record = Record::default().with_image("photo.jpg").with_audio("question.wav");
//!     let result = pipeline.process(&record, &mut |_done, _total| {})?;
//!     if let Some(transcript) = result.transcript() {
//!         println!("{}", transcript.value.text);
//!     }
//!     Ok(())
//! }
//! ```
//!
//! [`Pipeline::builder`] needs no file. Each model can also be used on its own, by several threads at once:
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use edgefuse::config::TranscribeOptions;
//! use edgefuse::engine::Engine;
//! use edgefuse::media::audio::{AudioFile, Recording};
//! use edgefuse::models::{Loader, whisper::Whisper};
//!
//! # fn main() -> Result<(), edgefuse::Error> {
//! let engine = Arc::new(Engine::new()?);
//! let whisper = Whisper::load(Loader::open(&engine, "onnx/whisper-tiny.en")?)?;
//! let file = AudioFile::new("talk.wav");
//! let transcript = whisper.transcribe(&Recording::from(&file), None, &TranscribeOptions::default(), &mut |_, _| {})?;
//! println!("{}", transcript.text);
//! # Ok(()) }
//! ```
//!
//! # Layers
//!
//! Each uses only those below it: [`pipeline`] (records in, results out) → [`models`] (Whisper, BLIP, the student,
//! voice activity detection) → [`media`] (bytes to tensors) and [`engine`] (everything that touches ONNX Runtime) →
//! [`config`] (device files and model folders); and, beside models, [`index`] (search on disk). The program on top of them (`cli`, `bench`, `bundle`; cargo feature
//! `cli`) is not part of the library: `default-features = false` leaves out what only it needs. See
//! docs/architecture.md.
//!
//! # Telemetry
//!
//! Microsoft's builds of ONNX Runtime from about 1.27 on send telemetry unless `ORT_DISABLE_TELEMETRY=1` is set before
//! they are loaded. The program sets it. [`engine::Engine::start`] sets it while the process has a single thread, and
//! otherwise refuses to load the library without it: start the engine before any other thread, or set the variable for
//! the whole process.

#![warn(missing_docs)]

pub mod config;
pub mod engine;
pub mod error;
pub mod index;
pub mod media;
pub mod models;
pub mod pipeline;
#[cfg(feature = "python")]
mod python;
mod support;

pub use error::Error;
pub use pipeline::{Pipeline, Record, RecordResult};
#[doc(hidden)] // For the program.
pub use support::hex;
pub use support::output_error::OutputError;
#[doc(hidden)] // For the program.
pub use support::{backoff, file_lock, guard, inline, redact, wording};
pub use support::{request, small_file, whole_file};
