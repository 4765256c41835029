//! Where a device's input comes from: `sources:` of a device file.

mod camera;
mod join;
mod layers;
mod microphone;
mod raw;
mod sensor;
mod trigger;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use camera::{Camera, FrameFormat, FrameSize, Frames};
pub use join::Join;
pub(super) use layers::of;
pub use microphone::{Channel, Microphone, MicrophoneAddress};
pub(super) use raw::RawSource;
pub use sensor::Sensor;
pub use trigger::{Change, Motion, Trigger};

use super::steps::Step;

/// A source of records.
#[derive(Debug, Clone)]
pub struct Source {
    /// What it reads.
    pub kind: SourceKind,
    /// What makes a record of what it reads; the kind's usual trigger if `None`.
    pub when: Option<Trigger>,
    /// Minimum time between two records.
    pub every: Option<Duration>,
    /// The steps of its records; the device's `pipeline` if `None`.
    pub pipeline: Option<Vec<Step>>,
    /// Sensors whose readings are part of each record, by name.
    pub sensors: BTreeMap<String, Sensor>,
    /// A source without data for this long is restarted.
    pub stall: Duration,
    /// The folder in which its commands run: that of the device file's relative paths.
    pub folder: PathBuf,
}

/// What a source reads.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum SourceKind {
    /// Pictures, one after another.
    Camera(Camera),
    /// Sound, divided into utterances.
    Microphone(Microphone),
    /// Files that arrive in a folder.
    Folder(FolderSource),
    /// A manifest, a record on each line; `-` is standard input.
    Manifest(PathBuf),
    /// What is said at a microphone, with a camera's picture of that time.
    Join(Join),
}

/// Files that arrive in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderSource {
    /// The watched folder.
    pub path: PathBuf,
    /// Folder of the results, one file for each input.
    pub results: PathBuf,
}

impl Source {
    /// Resolves relative paths against `base`.
    pub(super) fn relative_to(mut self, base: &Path) -> Self {
        match &mut self.kind {
            SourceKind::Folder(folder) => {
                folder.path = base.join(&folder.path);
                folder.results = base.join(&folder.results);
            }
            SourceKind::Manifest(path) if path.as_os_str() != "-" => *path = base.join(&*path),
            _ => {}
        }
        self.folder = base.to_path_buf();
        self.sensors.values_mut().for_each(|sensor| sensor.root(base));
        self
    }
}
