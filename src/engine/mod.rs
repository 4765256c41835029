//! Everything that touches ONNX Runtime: finding and loading its library, execution providers, sessions, tensors.
//!
//! The layers above see [`Engine`], [`Graph`] and [`Tensor`] and never a type of `ort`.

mod checksum;
mod error;
mod graph;
mod library;
mod memory;
mod providers;
mod session;
mod tensor;

pub use checksum::verify;
pub use error::EngineError;
pub use graph::{Graph, Outputs};
pub use library::LoadedLibrary;
pub use memory::resident_bytes;
pub use providers::MissingProvider;
pub use session::{Engine, GraphFile, SessionOptions};
pub use tensor::Tensor;
