//! Records from a camera and a microphone together.

use std::time::Duration;

use serde::Deserialize;

use crate::config::units::duration;

/// What is said at a microphone, with a camera's picture of that time. A camera or microphone that a join names makes
/// records of its own only if it has `every`, `when` or `pipeline`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "`join` must be a mapping such as `{picture: door, sound: mic, within: 2s}`")]
pub struct Join {
    /// Name of the camera.
    pub picture: String,
    /// Name of the microphone.
    pub sound: String,
    /// Maximum time between the picture and the speech.
    #[serde(default = "within", deserialize_with = "duration")]
    pub within: Duration,
}

fn within() -> Duration {
    Duration::from_secs(2)
}
