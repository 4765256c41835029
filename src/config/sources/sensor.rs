//! Sensors that a board reads as files.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// A sensor whose reading is a number in a file, such as `/sys/class/thermal/thermal_zone0/temp`:
/// `number * scale + offset`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a sensor must be a mapping such as `{file: /sys/.../temp, scale: 0.001}`")]
pub struct Sensor {
    /// The file, read anew for each record.
    pub file: PathBuf,
    /// Factor from the file's number to the sensor's unit.
    #[serde(default = "one")]
    pub scale: f64,
    /// Added after that.
    #[serde(default)]
    pub offset: f64,
}

fn one() -> f64 {
    1.0
}

impl Sensor {
    pub(super) fn root(&mut self, base: &Path) {
        self.file = base.join(&self.file);
    }
}
