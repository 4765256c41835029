//! Options of the sink `jsonl`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::super::units::{ByteSize, duration, parse_span};

/// The file's name in a folder.
const NAME: &str = "results.jsonl";

/// The most rotated files: their names are listed at each rotation.
const MOST_KEPT: usize = 10_000;

/// Results as lines of a file, which is rotated.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "`jsonl` must be a mapping such as `{path: /var/lib/edgefuse/results}`")]
pub struct JsonlOptions {
    /// A folder, or a file whose name ends with `.jsonl`.
    pub path: PathBuf,
    /// Bytes after which a new file begins.
    #[serde(default = "rotate")]
    pub rotate: ByteSize,
    /// Age of a file's first line at which a new file begins.
    #[serde(default = "max_age", deserialize_with = "duration")]
    pub max_age: Duration,
    /// Number of rotated files that are kept.
    #[serde(default = "keep")]
    pub keep: usize,
    /// When lines are forced onto the disk.
    #[serde(default)]
    pub fsync: Fsync,
}

/// When written lines are forced onto the disk, so that they survive a loss of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fsync {
    /// When the system does.
    Never,
    /// After each line.
    Always,
    /// At most this time after a line.
    Within(Duration),
}

impl Default for Fsync {
    fn default() -> Self {
        Fsync::Within(Duration::from_secs(1))
    }
}

impl fmt::Display for Fsync {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Fsync::Never => formatter.write_str("never"),
            Fsync::Always => formatter.write_str("always"),
            Fsync::Within(span) => write!(formatter, "{} ms", span.as_millis()),
        }
    }
}

impl<'de> Deserialize<'de> for Fsync {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "never" => Ok(Fsync::Never),
            "always" => Ok(Fsync::Always),
            text => parse_span(text).map(Fsync::Within).map_err(|_| {
                D::Error::custom(format!("`{text}` is not a choice; write `never`, `always` or a duration such as 1s"))
            }),
        }
    }
}

fn rotate() -> ByteSize {
    ByteSize::from(64 << 20)
}

fn max_age() -> Duration {
    Duration::from_secs(24 * 3600)
}

fn keep() -> usize {
    10
}

impl JsonlOptions {
    /// The file that lines are appended to.
    pub fn file(&self) -> PathBuf {
        match self.path.extension().is_some_and(|extension| extension == "jsonl") {
            true => self.path.clone(),
            false => self.path.join(NAME),
        }
    }

    pub(super) fn check(&self) -> Result<(), (Vec<&'static str>, String)> {
        if self.keep > MOST_KEPT {
            return Err((vec!["keep"], format!("must be at most {MOST_KEPT}")));
        }
        Ok(())
    }

    pub(super) fn root(&mut self, base: &Path) {
        self.path = base.join(&self.path);
    }
}
