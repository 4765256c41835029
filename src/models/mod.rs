//! Models: from pictures, sound and text to results, on top of the graphs that [`crate::engine`] runs.

mod batches;
pub mod blip;
pub mod blip2;
pub mod capability;
pub mod chat;
mod check;
mod cost;
pub mod embedding;
pub mod encoder;
mod features;
pub mod fusion;
pub mod generation;
mod kind;
mod kinds;
pub mod llm;
mod loader;
pub mod picture;
mod pool;
#[cfg(feature = "remote")]
pub mod remote;
pub mod student;
mod token_bytes;
mod token_check;
#[cfg(test)]
pub(crate) mod toy;
pub mod transcript;
pub mod vad;
pub mod vlm;
mod vocabulary;
pub mod whisper;

pub use check::{CheckedFolder, check_engine, check_folder};
pub use cost::{Cost, CostSource};
pub use features::{FeatureSource, encoders_of, with_encoders};
pub use kind::ModelKind;
pub use kinds::{load, read_folder};
pub use loader::{Loader, Precision};
pub use pool::{Admitted, Lease, Models, choose_model};
pub use token_bytes::TokenBytes;
pub use vocabulary::Vocabulary;
