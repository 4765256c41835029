//! `run --format vtt`: what is said and seen in a film, as subtitles.

use std::io::Write;

use edgefuse::config::{Device, Step};
use edgefuse::models::Models;
use edgefuse::models::transcript::Segment;
use edgefuse::pipeline::{Inputs, Pipeline, RecordResult};

use super::start::engine;
use crate::cli::args::Global;
use crate::cli::progress::Progress;
use crate::cli::{Outcome, Stop, say};
use crate::subtitles::{Layout, vtt};

/// Time for which the last picture is described, in seconds.
const LAST: f64 = 5.0;

/// Runs `steps` on the records of one film and prints the time line: a cue for each segment of speech, and one in brackets for
/// each picture, up to the next.
pub(super) fn timeline(global: &Global, device: Device, steps: &[Step], inputs: Inputs) -> Result<Outcome, Stop> {
    let engine = engine(global, &device)?;
    let pipeline = Pipeline::new(Models::new(engine, device), steps)?;
    let progress = Progress::new(global, inputs.total());
    let (mut said, mut seen, mut failed) = (Vec::new(), Vec::new(), false);
    for record in inputs {
        let result = match record {
            Ok(record) => {
                let name = record.name();
                progress.start(&name);
                pipeline.process(&record, &mut |seconds, total| progress.seconds(&name, seconds, total))?
            }
            Err(bad) => RecordResult::failed(bad.id, bad.problem),
        };
        progress.suspend(|| {
            result.warnings.iter().for_each(|warning| log::warn!("{warning}"));
            result.errors().iter().for_each(|error| say(&format!("error: {error}")));
        });
        failed |= !result.errors().is_empty();
        match result.position {
            Some(position) => seen.push((position, description(&result))),
            None => said.extend(result.transcript().into_iter().flat_map(|timed| timed.value.segments.clone())),
        }
        progress.step();
    }
    drop(progress);
    let ends: Vec<f64> = seen.iter().skip(1).map(|(position, _)| *position).collect();
    for (index, (position, text)) in seen.into_iter().enumerate() {
        let end = ends.get(index).copied().unwrap_or(position + LAST);
        if let Some(text) = text {
            said.push(Segment::new(position, end, format!("[{text}]")));
        }
    }
    said.sort_by(|one, other| one.start.total_cmp(&other.start));
    let written = std::io::stdout().lock().write_all(vtt(&said, &Layout::default()).as_bytes());
    written.map_err(Stop::Output)?;
    Ok(if failed { Outcome::SomeFailed } else { Outcome::Done })
}

/// What the steps say about a picture.
fn description(result: &RecordResult) -> Option<String> {
    let caption = result.caption().map(|timed| timed.value.best.text.clone());
    let answer = result.answer().map(|timed| timed.value.text.clone());
    let best = result.matched().and_then(|timed| {
        let texts = timed.value.texts.iter();
        texts
            .max_by(|one, other| one.probability.partial_cmp(&other.probability).unwrap_or(std::cmp::Ordering::Equal))
            .map(|text| text.text.clone())
    });
    let parts: Vec<String> = [caption, answer, best].into_iter().flatten().filter(|text| !text.is_empty()).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}
