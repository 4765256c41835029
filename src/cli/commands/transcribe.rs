//! `transcribe`

use std::io::{self, Write};

use edgefuse::config::{Device, Step, Timestamps, TranscribeOptions};
use edgefuse::models::Models;
use edgefuse::models::whisper::LiveEvent;
use edgefuse::pipeline::{Inputs, MediaKind, transcribe_live};

use super::process::process;
use super::start::{device, engine};
use super::{printer, timed};
use crate::cli::args::{Format, Global, Subtitles, TimestampsArgument, Transcribe};
use crate::cli::printer::{Printer, Shown, Times};
use crate::cli::subtitles::Layout;
use crate::cli::{Outcome, Stop};

/// Stands for standard input among the files.
const STANDARD_INPUT: &str = "-";

/// `transcribe`
pub(in crate::cli) fn transcribe(global: &Global, args: &Transcribe) -> Result<Outcome, Stop> {
    let layout = layout(global, args)?;
    let device = device(global, &["whisper"])?;
    let mut options = args.options(device.transcribe_options());
    if layout != Layout::default() {
        options.timestamps = Timestamps::Word;
    }
    options.check().map_err(Stop::Usage)?;
    if args.audio.iter().any(|path| path.as_os_str() == STANDARD_INPUT) {
        return match args.audio.len() {
            1 => live(global, device, &options),
            _ => Err(Stop::Usage(format!("`{STANDARD_INPUT}`, standard input, is transcribed alone"))),
        };
    }
    let inputs = Inputs::of_kind(&args.audio, MediaKind::Audio);
    let one = inputs.total() == Some(1);
    if let Some(format) = timed(global.format) {
        if !one {
            return Err(Stop::Usage(format!("{format} is written for one recording at a time")));
        }
        if options.timestamps == Timestamps::None {
            return Err(Stop::Usage(format!("{format} needs times; leave out `--timestamps none`")));
        }
    }
    let times = match args.timestamps {
        None | Some(TimestampsArgument::None) => Times::None,
        Some(TimestampsArgument::Segment) => Times::Segments,
        Some(TimestampsArgument::Word) => Times::Words,
    };
    let printer = Printer { named_inputs: !one, times, layout, ..printer(global, Shown::Transcript) };
    process(global, device, vec![Step::Transcribe(Box::new(options))], inputs, None, &printer)
}

/// `transcribe -`: what is said on standard input, while it is being said.
fn live(global: &Global, device: Device, options: &TranscribeOptions) -> Result<Outcome, Stop> {
    if let Some(format) = timed(global.format) {
        return Err(Stop::Usage(format!("standard input is transcribed with --format text or json, not {format}")));
    }
    let engine = engine(global, &device)?;
    let mut models = Models::new(engine, device);
    let mut written = Ok(());
    let mut emit = |event: LiveEvent| {
        written = print_event(global.format, &event);
        written.is_ok()
    };
    transcribe_live(&mut models, io::stdin(), "standard input", options, &mut emit)?;
    written.map(|()| Outcome::Done).map_err(Stop::Output)
}

/// One line an event; as text, what will not change.
fn print_event(format: Format, event: &LiveEvent) -> io::Result<()> {
    let line = match (format, event) {
        (Format::Json, event) => serde_json::to_string(event)?,
        (_, LiveEvent::Final(segment)) => segment.text.clone(),
        (_, LiveEvent::Partial { .. }) => return Ok(()),
    };
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// The layout of subtitles, where format and times have room for one.
fn layout(global: &Global, args: &Transcribe) -> Result<Layout, Stop> {
    let &Subtitles { max_line_width, max_line_count, max_words_per_line, highlight_words } = &args.subtitles;
    let given = [
        ("--max-line-width", max_line_width.is_some()),
        ("--max-line-count", max_line_count.is_some()),
        ("--max-words-per-line", max_words_per_line.is_some()),
        ("--highlight-words", highlight_words),
    ];
    if let Some((option, _)) = given.iter().find(|(_, given)| *given) {
        if !matches!(global.format, Format::Srt | Format::Vtt) {
            return Err(Stop::Usage(format!("{option} needs --format srt or vtt")));
        }
        if matches!(args.timestamps, Some(TimestampsArgument::None | TimestampsArgument::Segment)) {
            return Err(Stop::Usage(format!("{option} needs --timestamps word")));
        }
    }
    if max_line_count.is_some() && max_line_width.is_none() {
        log::warn!("--max-line-count has no effect without --max-line-width");
    }
    if max_words_per_line.is_some() && max_line_count.is_some() && max_line_width.is_some() {
        log::warn!("--max-words-per-line has no effect with --max-line-width and --max-line-count");
    }
    let number = |option: Option<u32>| option.map(|number| number as usize);
    Ok(Layout {
        max_line_width: number(max_line_width),
        max_line_count: number(max_line_count),
        max_words_per_line: number(max_words_per_line),
        highlight_words,
    })
}
