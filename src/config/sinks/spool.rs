//! What a sink keeps while nobody takes its results.

use std::path::PathBuf;

use serde::Deserialize;

use super::super::units::ByteSize;

/// The least limit: a few results must fit.
pub(super) const LEAST: u64 = 1 << 20;

/// A folder that keeps what could not be delivered yet. Without one, the newest results are kept in memory.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "`spool` must be a mapping such as `{path: /var/lib/edgefuse/spool}`")]
pub struct SpoolOptions {
    /// The folder.
    pub path: PathBuf,
    /// Bytes on disk, at which the oldest results give way.
    #[serde(default = "limit")]
    pub limit: ByteSize,
}

fn limit() -> ByteSize {
    ByteSize::from(64 << 20)
}

impl SpoolOptions {
    pub(super) fn check(&self) -> Result<(), (Vec<&'static str>, String)> {
        match self.limit.bytes() < LEAST {
            true => Err((vec!["spool", "limit"], "must be at least 1MiB".to_string())),
            false => Ok(()),
        }
    }
}
