//! The models: from pictures, sound and text to results, on top of the graphs that [`crate::engine`] runs.

pub mod blip;
pub mod blip2;
mod check;
pub mod generation;
mod loader;
mod memory;
mod pictures;
mod registry;
pub mod student;
mod token_bytes;
mod token_check;
pub mod vad;
mod vocabulary;
pub mod whisper;

pub use check::{CheckedFolder, check_engine, check_folder};
pub use loader::{Loader, Precision};
pub use memory::{Cost, CostSource};
pub use pictures::PictureModel;
pub use registry::Models;
pub use token_bytes::TokenBytes;
pub use vocabulary::Vocabulary;
