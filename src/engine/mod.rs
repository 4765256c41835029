//! Everything that touches ONNX Runtime: finding and loading its library, execution providers, sessions, tensors.
//!
//! The layers above see [`Engine`], [`Graph`] and [`Tensor`] and never a type of `ort`.

mod auto_precision;
mod build_progress;
mod checksum;
mod elf;
mod environment;
mod error;
mod graph;
mod in_memory;
mod library;
mod log;
mod memory;
mod node_count;
mod placement;
mod processor;
mod profile;
mod providers;
mod session;
mod tensor;

pub use auto_precision::{Choice, possible as possible_precisions};
pub use build_progress::BuildProgress;
pub use checksum::verify;
pub use elf::Machine;
pub use error::EngineError;
pub use graph::{Graph, Outputs};
pub use library::{LoadedLibrary, oldest_library};
pub use memory::{peak_resident_bytes, release_freed, reset_peak, resident_bytes};
pub use placement::{Placed, Placement};
pub use processor::Processor;
pub use providers::MissingProvider;
pub use session::{Engine, GraphFile, SessionOptions};
pub use tensor::Tensor;

// Not part of the API: readers that only `tests/fuzz` calls directly.
#[doc(hidden)]
pub use placement::of_log as placement_of_log;

#[doc(hidden)]
#[allow(missing_docs)]
pub fn count_nodes(path: &std::path::Path) -> std::io::Result<usize> {
    node_count::count(path)
}
