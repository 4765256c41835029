//! A source as written in a device file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::camera::{Camera, FrameFormat, FrameSize, Frames};
use super::join::Join;
use super::microphone::{Channel, Microphone, MicrophoneAddress};
use super::sensor::Sensor;
use super::trigger::Trigger;
use super::{FolderSource, Source, SourceKind};
use crate::config::steps::{self, Step};
use crate::config::units::span;

/// Sample rates that are accepted, in Hz.
const RATES: std::ops::RangeInclusive<u32> = 8_000..=192_000;

/// Longest `pre_roll`: it is kept in memory.
const LONGEST_PRE_ROLL: Duration = Duration::from_secs(30);

/// A source without data for this long is restarted, unless the file says otherwise.
const STALL: Duration = Duration::from_secs(10);

/// The keys of every kind of source.
#[derive(Debug, Clone, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a source must be a mapping such as `{camera: v4l2:///dev/video0, every: 1s}`"
)]
pub(in crate::config) struct RawSource {
    camera: Option<Frames>,
    microphone: Option<MicrophoneAddress>,
    folder: Option<PathBuf>,
    manifest: Option<PathBuf>,
    join: Option<Join>,

    size: Option<FrameSize>,
    fps: Option<f64>,
    format: Option<FrameFormat>,

    rate: Option<u32>,
    channel: Option<Channel>,
    #[serde(default, deserialize_with = "span")]
    pre_roll: Option<Duration>,
    #[serde(default, deserialize_with = "span")]
    partial: Option<Duration>,

    results: Option<PathBuf>,

    #[serde(default, deserialize_with = "span")]
    every: Option<Duration>,
    when: Option<Trigger>,
    #[serde(default, deserialize_with = "span")]
    stall: Option<Duration>,
    pipeline: Option<Vec<Step>>,
    #[serde(default)]
    sensors: BTreeMap<String, Sensor>,
}

impl RawSource {
    /// The checked source. The error has the key of the value that is wrong, below the source.
    pub fn check(self) -> Result<Source, (Vec<String>, String)> {
        let wrong = |key: &str, problem: String| (vec![key.to_string()], problem);
        let kinds = [
            ("camera", self.camera.is_some()),
            ("microphone", self.microphone.is_some()),
            ("folder", self.folder.is_some()),
            ("manifest", self.manifest.is_some()),
            ("join", self.join.is_some()),
        ];
        let given: Vec<&str> = kinds.iter().filter(|(_, given)| *given).map(|(key, _)| *key).collect();
        let [kind] = given[..] else {
            let all: Vec<&str> = kinds.iter().map(|(key, _)| *key).collect();
            return Err((Vec::new(), format!("exactly one of {} is expected", all.join(", "))));
        };
        self.belongs(kind).map_err(|(key, problem)| wrong(key, problem))?;
        if let Some(trigger) = &self.when {
            trigger.check().map_err(|problem| wrong("when", problem))?;
        }
        if let Some(Err((index, problem))) = self.pipeline.as_ref().map(|steps| steps::check(steps)) {
            return Err((vec!["pipeline".to_string(), index.to_string()], problem));
        }
        let source = match (self.camera, self.microphone, self.folder, self.manifest, self.join) {
            (Some(address), ..) => {
                let format = self.format.unwrap_or_default();
                if format != FrameFormat::Mjpeg && self.size.is_none() {
                    return Err(wrong("size", "required for raw frames: their width and height".to_string()));
                }
                if let Some(fps) = self.fps.filter(|fps| !(*fps > 0.0 && *fps <= 240.0)) {
                    return Err(wrong("fps", format!("{fps} is not above 0 and at most 240")));
                }
                SourceKind::Camera(Camera { address, size: self.size, fps: self.fps, format })
            }
            (_, Some(address), ..) => {
                let rate = self.rate.unwrap_or(16_000);
                if !RATES.contains(&rate) {
                    let problem = format!("{rate} is not within {} to {} Hz", RATES.start(), RATES.end());
                    return Err(wrong("rate", problem));
                }
                let pre_roll = self.pre_roll.unwrap_or(Duration::from_secs(2));
                if pre_roll > LONGEST_PRE_ROLL {
                    return Err(wrong("pre_roll", format!("more than {} s", LONGEST_PRE_ROLL.as_secs())));
                }
                SourceKind::Microphone(Microphone {
                    address,
                    rate,
                    channel: self.channel.unwrap_or_default(),
                    pre_roll,
                    partial: self.partial,
                })
            }
            (_, _, Some(path), ..) => {
                let Some(results) = self.results else {
                    return Err(wrong("results", "required: the folder of the results".to_string()));
                };
                SourceKind::Folder(FolderSource { path, results })
            }
            (_, _, _, Some(path), _) => SourceKind::Manifest(path),
            (_, _, _, _, Some(join)) => SourceKind::Join(join),
            _ => return Err((Vec::new(), "no kind of source".to_string())),
        };
        Ok(Source {
            kind: source,
            when: self.when,
            every: self.every,
            pipeline: self.pipeline,
            sensors: self.sensors,
            stall: self.stall.unwrap_or(STALL),
            folder: PathBuf::new(),
        })
    }

    /// Checks that every key belongs to the kind of source.
    fn belongs(&self, kind: &str) -> Result<(), (&'static str, String)> {
        let keys: [(&'static str, bool, &[&str]); 11] = [
            ("size", self.size.is_some(), &["camera"]),
            ("fps", self.fps.is_some(), &["camera"]),
            ("format", self.format.is_some(), &["camera"]),
            ("rate", self.rate.is_some(), &["microphone"]),
            ("channel", self.channel.is_some(), &["microphone"]),
            ("pre_roll", self.pre_roll.is_some(), &["microphone"]),
            ("partial", self.partial.is_some(), &["microphone"]),
            ("results", self.results.is_some(), &["folder"]),
            ("every", self.every.is_some(), &["camera", "microphone"]),
            ("stall", self.stall.is_some(), &["camera", "microphone"]),
            ("sensors", !self.sensors.is_empty(), &["camera", "microphone", "join"]),
        ];
        for (key, given, kinds) in keys {
            if given && !kinds.contains(&kind) {
                return Err((key, format!("only for a source of kind {}", kinds.join(" or "))));
            }
        }
        let fits = match &self.when {
            None => true,
            Some(Trigger::Interval) => kind == "camera" || kind == "microphone",
            Some(Trigger::Motion(_) | Trigger::Change(_)) => kind == "camera",
            Some(Trigger::Speech) => kind == "microphone",
        };
        match fits {
            true => Ok(()),
            false => {
                let word = match kind {
                    "camera" => "a camera has `interval`, `motion` and `change`",
                    "microphone" => "a microphone has `speech` and `interval`",
                    _ => "only for cameras and microphones",
                };
                Err(("when", word.to_string()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Source, String> {
        let raw: RawSource = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
        raw.check().map_err(|(keys, problem)| format!("{}: {problem}", keys.join(".")))
    }

    #[test]
    fn sources_of_every_kind() {
        let camera = read("{camera: /dev/video0, every: 1s, when: motion, size: 640x480}").unwrap();
        assert!(matches!(camera.when, Some(Trigger::Motion(motion)) if motion == super::super::Motion::default()));
        assert_eq!((camera.every, camera.stall), (Some(Duration::from_secs(1)), STALL));
        let microphone = read("{microphone: 'alsa://hw:1', rate: 48000, channel: 1, partial: 500ms}").unwrap();
        let SourceKind::Microphone(microphone) = microphone.kind else { panic!() };
        assert_eq!((microphone.channel, microphone.pre_roll), (Channel::One(1), Duration::from_secs(2)));
        let change = read("{camera: 'exec:x', when: {change: {distance: 0.2}}}").unwrap();
        assert_eq!(change.when, Some(Trigger::Change(super::super::Change { distance: 0.2 })));
        read("{folder: in, results: out}").unwrap();
        read("{manifest: '-', pipeline: [caption]}").unwrap();
        read("{join: {picture: door, sound: mic}, sensors: {t: {file: /sys/t, scale: 0.001}}}").unwrap();
    }

    #[test]
    fn names_what_is_wrong() {
        for (text, expected) in [
            ("{}", "exactly one of camera, microphone"),
            ("{camera: /dev/video0, folder: x}", "exactly one of"),
            ("{camera: video}", "is not a camera"),
            ("{camera: 'exec:x', format: nv12}", "size: required for raw frames"),
            ("{camera: 'exec:x', fps: 0}", "fps: 0 is not above 0"),
            ("{camera: 'exec:x', rate: 8000}", "rate: only for a source of kind microphone"),
            ("{camera: 'exec:x', when: speech}", "when: a camera has"),
            ("{camera: 'exec:x', when: {motion: {start: 2}}}", "when: motion.start: 2 is not"),
            ("{camera: 'exec:x', when: {motion: {start: 0.1, stop: 0.2}}}", "motion.stop: 0.2"),
            ("{camera: 'exec:x', when: sound}", "unknown variant `sound`"),
            ("{camera: 'exec:x', every: 5}", "a duration with its unit"),
            ("{microphone: 'exec:x', rate: 1}", "rate: 1 is not within"),
            ("{microphone: 'exec:x', channel: left}", "`mix` or the number"),
            ("{microphone: 'exec:x', pre_roll: 31s}", "pre_roll: more than 30 s"),
            ("{microphone: 'exec:x', pipeline: [caption, caption]}", "pipeline.1"),
            ("{folder: in}", "results: required"),
            ("{join: {picture: a}}", "missing field `sound`"),
            ("{manifest: a.jsonl, every: 1s}", "every: only for"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
