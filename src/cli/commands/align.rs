//! `align`: the stretch of a film that each sentence is about.

use std::io::Write;
use std::time::Duration;

use edgefuse::config::model_folder::capability;
use edgefuse::models::Models;
use edgefuse::models::transcript::Segment;
use edgefuse::pipeline::{self, AlignOptions, Aligned, Stretch, is_film, sentences};
use edgefuse::{Error, small_file};

use super::start::{device_and_choice, engine};
use crate::cli::args::{Align, Format, Global};
use crate::cli::progress::Progress;
use crate::cli::{Outcome, Stop};
use crate::subtitles::{Hours, Layout, clock, vtt};

/// Bytes of the longest text.
const LONGEST: u64 = 4 << 20;

/// Time between two moments, unless the command line says otherwise.
const EVERY: Duration = Duration::from_millis(500);

/// `align`
pub(in crate::cli) fn align(global: &Global, args: &Align) -> Result<Outcome, Stop> {
    if !matches!(global.format, Format::Vtt) {
        super::no_subtitles(global)?;
    }
    if !is_film(&args.film) {
        return Err(Stop::Usage(format!("{}: not a film by its name", args.film.display())));
    }
    let unreadable = |problem: String| Error::Input { problem: format!("{}: {problem}", args.script.display()) };
    let text = small_file::read_text(&args.script, LONGEST).map_err(|error| unreadable(error.to_string()))?;
    let sentences = sentences(&text);
    if sentences.is_empty() {
        return Err(unreadable("it contains no sentence".to_string()).into());
    }
    let (device, model) = device_and_choice(global, &[capability::EMBED])?;
    let models = Models::new(engine(global, &device)?, device);
    let options = AlignOptions { model, every: args.every.unwrap_or(EVERY) };
    let progress = Progress::new(global, None);
    let name = args.film.display().to_string();
    let mut heard = |done, total| progress.seconds(&name, done, total);
    let Aligned { stretches, warnings, .. } = pipeline::align(&models, &args.film, &sentences, &options, &mut heard)?;
    drop(progress);
    warnings.iter().for_each(|warning| log::warn!("{warning}"));
    let text = match global.format {
        Format::Json => stretches.iter().map(|it| serde_json::to_string(it).unwrap_or_default() + "\n").collect(),
        Format::Vtt => {
            let cues: Vec<Segment> = stretches.iter().map(|it| Segment::new(it.start, it.end, &*it.text)).collect();
            vtt(&cues, &Layout::default())
        }
        _ => stretches.iter().map(line).collect::<String>(),
    };
    std::io::stdout().lock().write_all(text.as_bytes()).map_err(Stop::Output)?;
    Ok(Outcome::Done)
}

/// `[00:00:02.000 --> 00:00:04.500] A red circle.`
fn line(stretch: &Stretch) -> String {
    let time = |seconds| clock(seconds, Hours::Always, '.');
    format!("[{} --> {}] {}\n", time(stretch.start), time(stretch.end), stretch.text)
}
