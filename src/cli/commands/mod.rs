//! The commands. Most of them run the pipeline with different inputs and steps.

mod align;
mod bench;
mod bundle;
mod chat;
mod check;
mod doctor;
mod index;
mod pictures;
mod pipe;
mod prepare;
mod process;
mod search;
mod sensors;
#[cfg(feature = "serve")]
mod serve;
mod start;
mod timeline;
mod transcribe;
mod watch;

use std::path::{Path, PathBuf};

use edgefuse::config::model_folder::capability;
use edgefuse::config::{Device, FuseOptions, Step, TranscribeOptions};
use edgefuse::media::video::Moments;
use edgefuse::pipeline::{Embedding, FilmOptions, Inputs, OutputFile, Picture, Record, Sound, settings};

pub(super) use align::align;
pub(super) use bench::{bench, bench_process};
pub(super) use bundle::bundle;
pub(super) use chat::chat;
pub(super) use check::check;
pub(super) use doctor::doctor;
pub(super) use index::index;
pub(super) use pictures::{ask, caption, classify, compare};
pub(super) use prepare::prepare;
pub(super) use search::search;
#[cfg(feature = "serve")]
pub(super) use serve::serve;
pub(super) use transcribe::transcribe;
pub(super) use watch::watch;

use super::args::{self, Format, Global};
use super::printer::{Printer, Shown, Times};
use super::{Outcome, Stop};
use crate::subtitles::{self, Layout};
use process::process;
use start::device;
use timeline::timeline;

/// `run`: the device file's pipeline.
pub(super) fn run(global: &Global, args: &args::Run) -> Result<Outcome, Stop> {
    if global.format != Format::Vtt {
        no_subtitles(global)?;
    }
    let mut device = device(global, &[])?;
    device.runtime.report_placement |= args.placement;
    if device.pipeline.is_empty() {
        let problem = format!("{}: no `pipeline`, which `run` needs", device.path.display());
        return Err(Stop::Usage(problem));
    }
    check_run(args)?;
    let mut steps = device.pipeline.clone();
    if args.embeddings {
        ask_for_embeddings(&mut steps, &device.path)?;
    }
    let mut inputs = inputs(&device, args)?;
    if let Some(shard) = args.shard {
        inputs = inputs.of_shard(shard);
    }
    if args.writes_to_stdout() {
        return pipe::pipe(global, device, &steps, inputs, args);
    }
    if global.format == Format::Vtt {
        if args.inputs.len() > 1 || args.output.is_some() {
            let problem = "--format vtt: for one film at a time, on standard output";
            return Err(Stop::Usage(problem.to_string()));
        }
        return timeline(global, device, &steps, inputs);
    }
    let output = match &args.output {
        Some(path) => {
            let path = args.shard.map_or_else(|| path.clone(), |shard| shard.output(path));
            Some(OutputFile::create(&path, args.resume, settings(&device, &steps)?)?)
        }
        None => None,
    };
    let printer = printer(global, Shown::All);
    process(global, device, steps, inputs, output, &printer)
}

/// Checks the arguments of `run` against each other.
fn check_run(args: &args::Run) -> Result<(), Stop> {
    let piped = args.writes_to_stdout();
    let problem = if args.resume && piped {
        "--resume: needs --output FILE.jsonl, whose earlier results it keeps"
    } else if args.in_flight.is_some() && !piped {
        "--in-flight: needs --output -"
    } else if args.unordered && !piped {
        "--unordered: needs --output -"
    } else if args.reads_stdin() && args.inputs.len() > 1 {
        "-: standard input cannot be combined with other inputs; a file of this name is ./-"
    } else {
        let overwritten = |output: &PathBuf| args.inputs.iter().any(|input| same_file(input, output));
        return match args.output.as_ref().filter(|output| overwritten(output)) {
            Some(output) => {
                Err(Stop::Usage(format!("{}: is an input, which the results would overwrite", output.display())))
            }
            None => Ok(()),
        };
    };
    Err(Stop::Usage(problem.to_string()))
}

/// The records of `run`. Frames of films are records only if a step looks at pictures.
fn inputs(device: &Device, args: &args::Run) -> Result<Inputs, Stop> {
    if args.reads_stdin() {
        if args.every.is_some() {
            return Err(Stop::Usage("--every: a manifest on standard input has no films".to_string()));
        }
        return Ok(Inputs::stdin());
    }
    let sees = device.pipeline.iter().any(|step| step.as_options::<TranscribeOptions>().is_none());
    match sees {
        true => {
            let moments = args.every.map_or(Moments::Scenes, Moments::Every);
            Ok(Inputs::with_films(&args.inputs, &FilmOptions::new(moments, device.media.ffmpeg.clone())))
        }
        false if args.every.is_some() => {
            Err(Stop::Usage(format!("--every: no step of the pipeline of {} looks at pictures", device.path.display())))
        }
        false => Ok(Inputs::mixed(&args.inputs)),
    }
}

/// Makes the steps that compute embeddings return them.
fn ask_for_embeddings(steps: &mut [Step], config: &Path) -> Result<(), Stop> {
    let mut found = false;
    for step in steps {
        found |= step.options_mut().keep_embeddings();
    }
    match found {
        true => Ok(()),
        false => Err(Stop::Usage(format!(
            "--embeddings: the pipeline of {} has no step that computes embeddings (`embed`, `fuse` or `match`)",
            config.display()
        ))),
    }
}

/// `fuse`
pub(super) fn fuse(global: &Global, args: &args::Fuse) -> Result<Outcome, Stop> {
    no_subtitles(global)?;
    if args.text.as_ref().is_some_and(|text| text.trim().is_empty()) {
        return Err(Stop::Usage("the text is empty".to_string()));
    }
    let mut record = Record::default();
    record.image = args.image.clone().map(Picture::from);
    record.audio = args.audio.clone().map(Sound::from);
    record.text = args.text.clone();
    record.sensors = args.sensors.as_deref().map(sensors::read).transpose()?;
    record.image_embedding = args.image_embedding.clone().map(Embedding::File);
    record.text_embedding = args.text_embedding.clone().map(Embedding::File);
    record.audio_embedding = args.audio_embedding.clone().map(Embedding::File);
    let printer = printer(global, Shown::Decision);
    // A student without sound input gets the transcript.
    let all = [capability::DECIDE, capability::TRANSCRIBE];
    let device = device(global, if args.audio.is_some() { &all } else { &all[..1] })?;
    let options = FuseOptions { strict: true, embeddings: args.embeddings, ..FuseOptions::default() };
    let options = FuseOptions { model: device.options::<FuseOptions>().model, ..options };
    process(global, device, vec![options.into()], Inputs::single(record), None, &printer)
}

fn printer(global: &Global, shown: Shown) -> Printer {
    Printer {
        format: global.format,
        shown,
        named_inputs: false,
        named_questions: false,
        ranked: false,
        times: Times::None,
        layout: Layout::default(),
        files: None,
    }
}

fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// The format of subtitles, if it is one.
fn timed(format: Format) -> Option<subtitles::Format> {
    match format {
        Format::Text | Format::Json => None,
        Format::Srt => Some(subtitles::Format::Srt),
        Format::Vtt => Some(subtitles::Format::Vtt),
        Format::Tsv => Some(subtitles::Format::Tsv),
    }
}

fn no_subtitles(global: &Global) -> Result<(), Stop> {
    match timed(global.format) {
        None => Ok(()),
        Some(format) => Err(Stop::Usage(format!("{} is a format of `transcribe` only", format.name()))),
    }
}
