//! The findings of `doctor`, as printed by `--format json`. Sizes are in bytes.

use edgefuse::config::ByteSize;
use edgefuse::engine::Placed;
use edgefuse::models::CostSource;
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct Report {
    pub device: String,
    pub config: String,
    pub machine: &'static str,
    /// Its class, which determines precisions: `x86-64 with VNNI`.
    pub processor: String,
    /// Name of the board.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub board: Option<String>,
    pub cores: usize,
    pub memory_total: Option<ByteSize>,
    pub memory_available: Option<ByteSize>,
    /// The smallest of all bounds on the memory of this process, and what sets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_limit: Option<LimitReport>,
    pub memory_budget: Option<ByteSize>,
    /// Resident memory of the program without models.
    pub memory_base: Option<ByteSize>,
    pub library: LibraryReport,
    pub providers: Vec<ProviderReport>,
    pub models: Vec<ModelReport>,
    /// Problems with the device file, apart from library and models.
    pub problems: Vec<String>,
    pub fit: bool,
}

#[derive(Serialize)]
pub(super) struct LimitReport {
    pub bytes: ByteSize,
    pub set_by: String,
}

#[derive(Serialize, Default)]
pub(super) struct LibraryReport {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found_by: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

#[derive(Serialize)]
pub(super) struct ProviderReport {
    pub name: &'static str,
    /// Whether the device file names it; the others are only in the library.
    pub wanted: bool,
    /// Whether it registers with the device file's options; for one that the device file does not name, whether the
    /// library has it.
    pub loads: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[derive(Serialize)]
pub(super) struct ModelReport {
    /// Its name under `models`.
    pub key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    pub path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub precision: String,
    /// `fit` or `unfit`.
    pub verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemoryReport>,
    pub graphs: Vec<GraphReport>,
    /// What may prevent it from running: an estimate above the memory limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Maximum memory of the model, apart from the program itself.
#[derive(Serialize)]
pub(super) struct MemoryReport {
    pub needed: ByteSize,
    pub source: CostSource,
    /// Whether it fits into the budget and the memory limit alone.
    pub fits: bool,
}

#[derive(Serialize)]
pub(super) struct GraphReport {
    pub role: String,
    pub precision: String,
    /// Reason for this precision, if the device file says `auto`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto: Option<String>,
    /// Absent if it cannot be loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<&'static str>,
    /// Absent if ONNX Runtime does not report it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placement: Option<Vec<Placed>>,
    pub sha256: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights_sha256: Option<String>,
    pub bytes: ByteSize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_ms: Option<f64>,
    /// Whether it ran on generated input.
    pub runs: bool,
    /// Why it cannot be loaded or run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Growth of resident memory while loading; may be too low, because freed memory is reused.
    pub resident: Option<ByteSize>,
}
