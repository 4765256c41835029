//! Everything that touches ONNX Runtime: finding and loading its library, execution providers, sessions, tensors.
//!
//! The layers above see [`Engine`], [`Graph`] and [`Tensor`] and never a type of `ort`.

mod checksum;
mod elf;
mod error;
mod graph;
mod in_memory;
mod library;
mod memory;
mod profile;
mod providers;
mod session;
mod tensor;

pub use checksum::verify;
pub use elf::Machine;
pub use error::EngineError;
pub use graph::{Graph, Outputs};
pub use library::LoadedLibrary;
pub use memory::{peak_resident_bytes, resident_bytes};
pub use providers::MissingProvider;
pub use session::{Engine, GraphFile, SessionOptions};
pub use tensor::Tensor;
