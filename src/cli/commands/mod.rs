//! The commands. All but `doctor` are the pipeline over different inputs and steps.

mod doctor;
mod process;
mod start;

use std::path::Path;

use edgefuse::config::{AskOptions, CaptionOptions, FuseOptions, Question, Step, Task, Timestamps, TranscribeOptions};
use edgefuse::pipeline::{Inputs, MediaKind, OutputFile, Record};

pub(super) use doctor::doctor;

use super::args::{self, Format, Global, TaskArgument, TimestampsArgument};
use super::printer::{Printer, Shown};
use super::{Outcome, Stop};
use process::process;
use start::device;

/// Every kind of model.
const ALL_KINDS: &[&str] = &["whisper", "blip", "student", "vad"];

/// `run`: the device file's pipeline.
pub(super) fn run(global: &Global, args: &args::Run) -> Result<Outcome, Stop> {
    no_subtitles(global)?;
    let device = device(global, ALL_KINDS)?;
    if device.pipeline.is_empty() {
        let problem = format!("{}: no `pipeline`, which `run` needs", device.path.display());
        return Err(Stop::Usage(problem));
    }
    if let Some(output) = &args.output
        && args.inputs.iter().any(|input| same_file(input, output))
    {
        return Err(Stop::Usage(format!("{}: is an input, and would be replaced by the results", output.display())));
    }
    let inputs = Inputs::mixed(&args.inputs);
    let output = args.output.as_ref().map(|path| OutputFile::create(path, args.resume)).transpose()?;
    let steps = device.pipeline.clone();
    let printer = printer(global, Shown::All);
    process(global, device, steps, inputs, output, &printer)
}

/// `caption`
pub(super) fn caption(global: &Global, args: &args::Caption) -> Result<Outcome, Stop> {
    no_subtitles(global)?;
    let max_tokens = args.max_tokens.map(|tokens| tokens as usize);
    let steps = vec![Step::Caption(CaptionOptions { max_tokens, prompt: args.prompt.clone() })];
    let inputs = Inputs::of_kind(&args.images, MediaKind::Image);
    let printer = Printer { named_inputs: inputs.total() != Some(1), ..printer(global, Shown::Caption) };
    process(global, device(global, &["blip"])?, steps, inputs, None, &printer)
}

/// `ask`
pub(super) fn ask(global: &Global, args: &args::Ask) -> Result<Outcome, Stop> {
    no_subtitles(global)?;
    if args.question.as_ref().is_some_and(|question| question.trim().is_empty()) {
        return Err(Stop::Usage("the question is empty".to_string()));
    }
    let mut steps = Vec::new();
    if args.audio.is_some() {
        steps.push(Step::Transcribe(TranscribeOptions::default()));
    }
    steps.push(Step::Ask(AskOptions { question: Question::Any, max_tokens: None }));
    let record = Record {
        image: Some(args.image.clone()),
        audio: args.audio.clone(),
        text: args.question.clone(),
        ..Record::default()
    };
    let kinds: &[_] = if args.audio.is_some() { &["blip", "whisper"] } else { &["blip"] };
    process(global, device(global, kinds)?, steps, Inputs::single(record), None, &printer(global, Shown::Answer))
}

/// `transcribe`
pub(super) fn transcribe(global: &Global, args: &args::Transcribe) -> Result<Outcome, Stop> {
    let options = TranscribeOptions {
        language: Some(args.language.clone()),
        task: match args.task {
            TaskArgument::Transcribe => Task::Transcribe,
            TaskArgument::Translate => Task::Translate,
        },
        timestamps: match args.timestamps {
            Some(TimestampsArgument::None) => Timestamps::None,
            Some(TimestampsArgument::Segment) | None => Timestamps::Segment,
        },
    };
    let inputs = Inputs::of_kind(&args.audio, MediaKind::Audio);
    let one = inputs.total() == Some(1);
    if matches!(global.format, Format::Srt | Format::Vtt) {
        if !one {
            return Err(Stop::Usage("subtitles are written for one recording at a time".to_string()));
        }
        if options.timestamps == Timestamps::None {
            return Err(Stop::Usage("subtitles need times; leave out `--timestamps none`".to_string()));
        }
    }
    let printer = Printer {
        named_inputs: !one,
        times: args.timestamps == Some(TimestampsArgument::Segment),
        ..printer(global, Shown::Transcript)
    };
    process(global, device(global, &["whisper"])?, vec![Step::Transcribe(options)], inputs, None, &printer)
}

/// `fuse`
pub(super) fn fuse(global: &Global, args: &args::Fuse) -> Result<Outcome, Stop> {
    no_subtitles(global)?;
    if args.text.as_ref().is_some_and(|text| text.trim().is_empty()) {
        return Err(Stop::Usage("the text is empty".to_string()));
    }
    let record =
        Record { image: args.image.clone(), audio: args.audio.clone(), text: args.text.clone(), ..Record::default() };
    let printer = Printer { embeddings: args.embeddings, ..printer(global, Shown::Decision) };
    let steps = vec![Step::Fuse(FuseOptions::default())];
    // A student that does not hear is given the transcript.
    let kinds: &[_] = if args.audio.is_some() { &["student", "whisper"] } else { &["student"] };
    process(global, device(global, kinds)?, steps, Inputs::single(record), None, &printer)
}

fn printer(global: &Global, shown: Shown) -> Printer {
    Printer { format: global.format, shown, named_inputs: false, times: false, embeddings: false }
}

fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

fn no_subtitles(global: &Global) -> Result<(), Stop> {
    match global.format {
        Format::Text | Format::Json => Ok(()),
        Format::Srt | Format::Vtt => Err(Stop::Usage("srt and vtt are formats of `transcribe` only".to_string())),
    }
}
