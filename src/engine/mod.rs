//! Everything that touches ONNX Runtime: finding and loading its library, execution providers, sessions, tensors.
//!
//! The layers above see [`Engine`], [`Graph`] and [`Tensor`] and never a type of `ort`.

mod build_progress;
mod checksum;
mod elf;
mod environment;
mod error;
mod features;
mod graph;
mod in_memory;
mod library;
mod log;
mod memory;
mod memory_limit;
mod node_count;
mod placement;
mod profile;
mod providers;
mod saturation;
mod session;
mod telemetry;
mod tensor;
mod trial;

pub use build_progress::BuildProgress;
pub use checksum::verify;
pub use elf::{Machine, SymbolVersions};
pub use error::EngineError;
pub use graph::{Graph, Outputs};
pub use library::{LoadedLibrary, library_file, oldest_library};
pub use memory::{peak_resident_bytes, release_freed, reset_peak, resident_bytes};
pub use memory_limit::{MemoryLimit, memory_limits};
pub use placement::{Placed, Placement};
pub use providers::MissingProvider;
pub use session::{Engine, GraphFile, SessionOptions};
pub use telemetry::disable_telemetry;
pub use tensor::Tensor;
