//! What makes a record of what a source reads.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use crate::config::units::duration;

/// What makes a record of what a source reads.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Trigger {
    /// Time: a record every `every`.
    Interval,
    /// Something moves in the picture.
    Motion(Motion),
    /// The picture's embedding differs from that of the last record.
    Change(Change),
    /// Somebody speaks.
    Speech,
}

/// Detection of motion, by the share of the picture that changes between two looks.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Motion {
    /// Motion starts when at least this share of the picture changes, in (0, 1].
    pub start: f64,
    /// Motion ends when less than this share changes; at most `start`.
    pub stop: f64,
    /// For this long.
    #[serde(deserialize_with = "duration")]
    pub hold: Duration,
    /// Looks per second.
    pub fps: f64,
}

impl Default for Motion {
    fn default() -> Self {
        Motion { start: 0.02, stop: 0.01, hold: Duration::from_secs(3), fps: 4.0 }
    }
}

/// Detection of change, by embeddings of pictures.
#[derive(Debug, Clone, PartialEq, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Change {
    /// Cosine distance from the embedding of the last record that makes another, in (0, 2].
    pub distance: f64,
}

impl Default for Change {
    fn default() -> Self {
        Change { distance: 0.1 }
    }
}

impl Trigger {
    /// Checks that all values are in range.
    ///
    /// # Errors
    /// One line that starts with the key.
    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            Trigger::Motion(Motion { start, stop, fps, .. }) => {
                if !(*start > 0.0 && *start <= 1.0) {
                    return Err(format!("motion.start: {start} is not above 0 and at most 1"));
                }
                if !(*stop > 0.0 && stop <= start) {
                    return Err(format!("motion.stop: {stop} is not above 0 and at most `start`, {start}"));
                }
                if !(*fps >= 0.1 && *fps <= 60.0) {
                    return Err(format!("motion.fps: {fps} is not within 0.1 to 60"));
                }
            }
            Trigger::Change(Change { distance }) if !(*distance > 0.0 && *distance <= 2.0) => {
                return Err(format!("change.distance: {distance} is not above 0 and at most 2"));
            }
            _ => {}
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Trigger {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameOrOptions;

        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Options {
            motion: Option<Motion>,
            change: Option<Change>,
        }

        impl<'de> Visitor<'de> for NameOrOptions {
            type Value = Trigger;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("interval, motion, change, speech, or options such as {motion: {start: 0.02}}")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Trigger, E> {
                match name {
                    "interval" => Ok(Trigger::Interval),
                    "motion" => Ok(Trigger::Motion(Motion::default())),
                    "change" => Ok(Trigger::Change(Change::default())),
                    "speech" => Ok(Trigger::Speech),
                    _ => Err(E::unknown_variant(name, &["interval", "motion", "change", "speech"])),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Trigger, A::Error> {
                match Options::deserialize(MapAccessDeserializer::new(map))? {
                    Options { motion: Some(motion), change: None } => Ok(Trigger::Motion(motion)),
                    Options { motion: None, change: Some(change) } => Ok(Trigger::Change(change)),
                    _ => Err(A::Error::custom("one of `motion` and `change` is expected")),
                }
            }
        }

        deserializer.deserialize_any(NameOrOptions)
    }
}
