//! The measurement inside one process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::energy::{Energy, PowerMeter};
use super::inputs::Inputs;
use super::statistics::Latency;
use super::task::Task;
use edgefuse::config::{ByteSize, Device, TranscribeOptions, VadOptions};
use edgefuse::engine::{Engine, peak_resident_bytes};
use edgefuse::error::Error;
use edgefuse::media::audio::AudioFile;
use edgefuse::models::Models;
use edgefuse::models::capability::VoiceDetector;
use edgefuse::models::vad::SpeechDetector;
use edgefuse::pipeline::{Pipeline, Record, RecordResult};

/// Measurements of a process that starts with nothing loaded.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cold {
    /// Milliseconds from the start of the process until the library was loaded.
    pub library_ms: f64,
    /// Milliseconds of the first record, including loading the model.
    pub first_ms: f64,
}

/// Measurements of a process with a loaded model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Warm {
    /// Time of a record, from the file to the result.
    pub latency: Latency,
    /// Records per second, one after the other.
    pub throughput_per_s: f64,
    /// Seconds of sound per second, if the record is a recording.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_s_per_s: Option<f64>,
    /// The first execution provider that loaded.
    pub provider: String,
    /// Choice of `precision: auto` for each graph, with its reason, by `model/graph`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub auto: BTreeMap<String, String>,
    /// Peak memory of the process, including library and model.
    pub peak_bytes: Option<u64>,
    /// Energy per record, if the board reports it.
    pub energy: Energy,
}

/// Loads what `task` needs, then runs `warm_up` records that do not count and `repeat` that do.
///
/// # Errors
/// [`Error`] if the library, the model or an input cannot be used.
pub fn measure_warm(
    device: &Device,
    task: Task,
    inputs: &Inputs,
    warm_up: usize,
    repeat: usize,
) -> Result<Warm, Error> {
    let mut bench = Bench::new(device, task, inputs, None)?;
    let mut last = bench.run()?;
    for _ in 1..warm_up {
        last = bench.run()?;
    }
    let meter = PowerMeter::start(Path::new("/sys"));
    let started = Instant::now();
    let mut times = Vec::with_capacity(repeat);
    for _ in 0..repeat {
        let started = Instant::now();
        last = bench.run()?;
        times.push(milliseconds(started));
    }
    let seconds = started.elapsed().as_secs_f64();
    let energy = meter.stop(repeat);
    let latency = Latency::of(&times).ok_or_else(|| Error::Input { problem: "nothing was measured".to_string() })?;
    Ok(Warm {
        latency,
        throughput_per_s: repeat as f64 / seconds,
        audio_s_per_s: last.sound.map(|seconds_of_sound| seconds_of_sound * repeat as f64 / seconds),
        provider: last.provider.to_string(),
        auto: last.auto,
        peak_bytes: peak_resident_bytes(),
        energy,
    })
}

/// Measures one record in a process with nothing loaded, which started at `started`.
///
/// # Errors
/// As [`measure_warm`].
pub fn measure_cold(device: &Device, task: Task, inputs: &Inputs, started: Instant) -> Result<Cold, Error> {
    let mut bench = Bench::new(device, task, inputs, None)?;
    let library_ms = milliseconds(started);
    let first = Instant::now();
    bench.run()?;
    Ok(Cold { library_ms, first_ms: milliseconds(first) })
}

/// Runs one record while every session writes a profile into `profiles`.
///
/// # Errors
/// As [`measure_warm`].
pub fn run_once(device: &Device, task: Task, inputs: &Inputs, profiles: &Path) -> Result<(), Error> {
    Bench::new(device, task, inputs, Some(profiles))?.run().map(drop)
}

/// A task with its input.
enum Bench {
    /// A step of the pipeline, with its record.
    Step { pipeline: Box<Pipeline>, record: Box<Record> },
    /// The voice activity detector, with a recording.
    Detector { models: Box<Models>, audio: PathBuf, options: VadOptions },
}

/// Result of one run.
struct Ran {
    provider: String,
    auto: BTreeMap<String, String>,
    /// Duration of the recording in seconds, if the input is one.
    sound: Option<f64>,
}

impl Bench {
    fn new(device: &Device, task: Task, inputs: &Inputs, profiles: Option<&Path>) -> Result<Self, Error> {
        // No budget, because evicted models would be loaded again in each run.
        let mut device = device.clone();
        device.runtime.memory_budget = None::<ByteSize>;
        let engine = Engine::start(&device.runtime, &device.base)?;
        let engine = match profiles {
            Some(folder) => engine.with_profiles(folder),
            None => engine,
        };
        let transcribe: TranscribeOptions = device.options();
        let (step, options) = (task.step(&device), transcribe.vad.options.unwrap_or_default());
        let models = Models::new(Arc::new(engine), device);
        Ok(match step {
            Some(step) => {
                let record = Box::new(task.record(inputs));
                Bench::Step { pipeline: Box::new(Pipeline::new(models, &[step])?), record }
            }
            None => Bench::Detector { models: Box::new(models), audio: inputs.audio.clone(), options },
        })
    }

    fn run(&mut self) -> Result<Ran, Error> {
        match self {
            Bench::Step { pipeline, record } => {
                // Each run must encode the picture again.
                pipeline.forget_pictures();
                let result = pipeline.process(record, &mut |_, _| {})?;
                match result.errors().first() {
                    Some(problem) => Err(Error::Input { problem: (*problem).to_string() }),
                    None => Ok(Ran::of(&result)),
                }
            }
            Bench::Detector { models, audio, options } => {
                let ffmpeg = models.device().media.ffmpeg.clone();
                let vad = models.lease::<dyn VoiceDetector>(None, "bench")?;
                let rate = vad.audio().sample_rate;
                let file = AudioFile::new(&*audio).with_ffmpeg(ffmpeg);
                let samples =
                    file.load(rate, &mut Vec::new()).map_err(|source| Error::Audio { path: audio.clone(), source })?;
                let mut detector = SpeechDetector::new(&*vad, options)?;
                detector.push(&*vad, &samples)?;
                detector.finish(&*vad)?;
                let (provider, sound) = (vad.provider().to_string(), samples.len() as f64 / f64::from(rate));
                Ok(Ran { provider, auto: models.engine().chosen_precisions(), sound: Some(sound) })
            }
        }
    }
}

impl Ran {
    fn of(result: &RecordResult) -> Self {
        let transcript = result.transcript();
        let provider = result.costs().next().map_or("cpu", |(_, _, provider)| provider);
        Ran {
            provider: provider.to_string(),
            auto: result.precision.clone(),
            sound: transcript.map(|it| it.value.duration),
        }
    }
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
