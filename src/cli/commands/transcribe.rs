//! `transcribe`

use std::cell::RefCell;
use std::io::{self, Write};

use edgefuse::config::model_folder::capability;
use edgefuse::config::{Device, Timestamps, TranscribeOptions};
use edgefuse::models::Models;
use edgefuse::models::transcript::LiveEvent;
use edgefuse::pipeline::{Inputs, MediaKind, transcribe_live};

use super::process::process;
use super::start::{device, engine};
use super::{printer, timed};
use crate::cli::args::{Format, Global, Subtitles, TimestampsArgument, Transcribe};
use crate::cli::printer::{Printer, Shown, Times};
use crate::cli::transcript_files::TranscriptFiles;
use crate::cli::{Outcome, Stop};
use crate::subtitles::{Growing, Layout};

/// The file name that stands for standard input.
const STANDARD_INPUT: &str = "-";

/// `transcribe`
pub(in crate::cli) fn transcribe(global: &Global, args: &Transcribe) -> Result<Outcome, Stop> {
    let layout = layout(global, args)?;
    let device = device(global, &[capability::TRANSCRIBE])?;
    let mut options = args.options(device.options());
    if layout != Layout::default() {
        options.timestamps = Timestamps::Word;
    }
    options.check().map_err(Stop::Usage)?;
    if let Some(format) = timed(global.format)
        && options.timestamps == Timestamps::None
    {
        return Err(Stop::Usage(format!("{} needs times; leave out `--timestamps none`", format.name())));
    }
    if args.audio.iter().any(|path| path.as_os_str() == STANDARD_INPUT) {
        return match args.audio.len() {
            1 if args.output_dir.is_some() => Err(Stop::Usage(format!(
                "--output-dir is for recordings; the transcript of `{STANDARD_INPUT}` goes to standard output"
            ))),
            1 => live(global, device, &options, layout),
            _ => Err(Stop::Usage(format!("`{STANDARD_INPUT}`, standard input, cannot be combined with files"))),
        };
    }
    let inputs = Inputs::of_kind(&args.audio, MediaKind::Audio);
    let one = inputs.total() == Some(1);
    if let Some(format) = timed(global.format).filter(|_| !one && args.output_dir.is_none()) {
        return Err(Stop::Usage(format!(
            "{} on standard output is for one recording only; --output-dir FOLDER writes one file per recording",
            format.name()
        )));
    }
    let files = args.output_dir.as_ref().map(|folder| TranscriptFiles::new(folder, extension(global.format)));
    let files = files.transpose().map_err(Stop::Usage)?.map(RefCell::new);
    let times = match args.timestamps {
        None | Some(TimestampsArgument::None) => Times::None,
        Some(TimestampsArgument::Segment) => Times::Segments,
        Some(TimestampsArgument::Word) => Times::Words,
    };
    let printer =
        Printer { named_inputs: !one && files.is_none(), times, layout, files, ..printer(global, Shown::Transcript) };
    process(global, device, vec![options.into()], inputs, None, &printer)
}

/// File name extension of transcripts.
fn extension(format: Format) -> &'static str {
    match timed(format) {
        Some(format) => format.name(),
        None if format == Format::Json => "json",
        None => "txt",
    }
}

/// `transcribe -`: live transcription of standard input.
fn live(global: &Global, device: Device, options: &TranscribeOptions, layout: Layout) -> Result<Outcome, Stop> {
    let engine = engine(global, &device)?;
    let models = Models::new(engine, device);
    let mut subtitles = timed(global.format).map(|format| Growing::new(format, layout));
    let mut written = subtitles.as_ref().map_or(Ok(()), |subtitles| print(subtitles.header()));
    let mut emit = |event: LiveEvent| {
        written = match (&mut subtitles, &event) {
            (Some(subtitles), LiveEvent::Final(segment)) => print(&subtitles.next(segment)),
            (Some(_), _) => Ok(()),
            (None, event) => print_event(global.format, event),
        };
        written.is_ok()
    };
    transcribe_live(&models, io::stdin(), "standard input", options, &mut emit)?;
    written.map(|()| Outcome::Done).map_err(Stop::Output)
}

/// Prints one line per text; unless as JSON, only final ones.
fn print_event(format: Format, event: &LiveEvent) -> io::Result<()> {
    match (format, event) {
        (Format::Json, event @ (LiveEvent::Partial { .. } | LiveEvent::Final(_))) => {
            print(&(serde_json::to_string(event)? + "\n"))
        }
        (_, LiveEvent::Final(segment)) => print(&format!("{}\n", segment.text)),
        _ => Ok(()),
    }
}

fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// The layout of subtitles, if format and times support one.
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
