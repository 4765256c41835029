//! Options of the sink `snapshot`.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::super::units::ByteSize;

/// The least limit: a few pictures must fit.
const LEAST: u64 = 1 << 20;

/// The pictures that results are about, as files.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "`snapshot` must be a mapping such as `{path: /var/lib/edgefuse/pictures}`")]
pub struct SnapshotOptions {
    /// The folder.
    pub path: PathBuf,
    /// Whether pictures are stored at all. Pictures may show people, so that they are stored only if this is set.
    #[serde(default)]
    pub store: Store,
    /// Bytes of all pictures, at which the oldest are deleted.
    #[serde(default = "limit")]
    pub limit: ByteSize,
}

/// Which pictures are stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Store {
    /// None.
    #[default]
    Never,
    /// The picture of every result that the sink gets.
    All,
}

fn limit() -> ByteSize {
    ByteSize::from(256 << 20)
}

impl SnapshotOptions {
    pub(super) fn check(&self) -> Result<(), (Vec<&'static str>, String)> {
        match self.limit.bytes() < LEAST {
            true => Err((vec!["limit"], "must be at least 1MiB".to_string())),
            false => Ok(()),
        }
    }

    pub(super) fn root(&mut self, base: &Path) {
        self.path = base.join(&self.path);
    }
}
