//! Everything that touches ONNX Runtime: finding and loading its library, execution providers, sessions, tensors.
//!
//! The layers above see [`Engine`], [`Graph`] and [`Tensor`] and never a type of `ort`.

mod auto_precision;
mod boundary;
mod build_progress;
mod cache_buffer;
mod cache_rows;
mod checksum;
mod elf;
mod environment;
mod error;
mod graph;
mod graph_files;
mod in_memory;
mod library;
mod log;
mod memory;
mod memory_limit;
mod onnx_file;
mod placement;
mod processor;
mod profile;
mod providers;
mod session;
mod telemetry;
mod tensor;
mod trial;
mod turnstile;

pub use auto_precision::{Choice, possible as possible_precisions};
pub use build_progress::BuildProgress;
pub use cache_buffer::{CacheBuffer, Positions};
pub use cache_rows::CacheRows;
pub use checksum::{verify, verify_bytes};
pub use elf::{Machine, SymbolVersions};
pub use error::{EngineError, Reported};
pub use graph::{Graph, Outputs};
pub use library::{LoadedLibrary, library_file, oldest_library};
pub use memory::{
    peak_resident_bytes, release_unused, reset_peak, resident_bytes, return_large_blocks, share_one_heap,
};
pub use memory_limit::{MemoryLimit, memory_limits};
pub use onnx_file::{ExternalData, OnnxFile, parse_onnx, read_onnx};
pub use placement::{Placed, Placement};
pub use processor::Processor;
pub use providers::MissingProvider;
pub use session::{Engine, GraphFile, SessionOptions};
pub use telemetry::disable_telemetry;
pub use tensor::Tensor;
pub(crate) use turnstile::Turnstile;

// Not part of the API: readers that only `tests/fuzz` calls directly.
#[doc(hidden)]
pub use memory_limit::limits as memory_limits_below;
#[doc(hidden)]
pub use placement::of_log as placement_of_log;
