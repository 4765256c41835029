//! `index`: makes files findable.

use std::path::{Path, PathBuf, absolute};
use std::time::{Duration, Instant};

use edgefuse::config::model_folder::capability;
use edgefuse::config::{
    CaptionOptions, ClassifyOptions, Device, EmbedOptions, IndexOptions, NamedStep, Step, TranscribeOptions,
};
use edgefuse::index::Entry;
use edgefuse::media::video::Moments;
use edgefuse::models::{Models, choose_model};
use edgefuse::pipeline::{
    BadRecord, FilmOptions, IndexWriter, Inputs, Pipeline, Record, RecordResult, is_film, settings, version_of,
};
use serde_json::json;

use super::start::{device_and_choice, engine};
use crate::cli::args::{Format, Global, Index};
use crate::cli::progress::Progress;
use crate::cli::{Outcome, Stop, say};

/// Items that are committed together.
const BATCH: usize = 512;

/// What is done is lost to a kill for at most this long.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// `index`
pub(in crate::cli) fn index(global: &Global, args: &Index) -> Result<Outcome, Stop> {
    super::no_subtitles(global)?;
    let (device, chosen) = device_and_choice(global, &[capability::EMBED])?;
    let (steps, settings) = steps(&device, args, chosen)?;
    // Found again from wherever the search is run.
    let inputs: Vec<PathBuf> = args.inputs.iter().map(|path| absolute(path).unwrap_or_else(|_| path.clone())).collect();
    let frames = FilmOptions::new(args.every.map_or(Moments::Scenes, Moments::Every), device.media.ffmpeg.clone());
    let writer = IndexWriter::open(&args.into).map_err(edgefuse::Error::from)?;
    let engine = engine(global, &device)?;
    let records = Inputs::mixed(&inputs);
    let mut work = Work {
        pipeline: Pipeline::new(Models::new(engine, device), &steps)?,
        writer,
        settings,
        frames,
        progress: Progress::new(global, records.total()),
        committed: Instant::now(),
        counts: Counts::default(),
    };
    for record in records {
        match record {
            Ok(record) => work.unit(record)?,
            Err(bad) => work.bad(&bad),
        }
        work.progress.step();
    }
    if args.prune {
        let below = |path: &str| inputs.iter().any(|input| Path::new(path).starts_with(input));
        let mut keep = |_: &str, path: Option<&str>| !path.is_some_and(|path| below(path) && !Path::new(path).exists());
        work.counts.removed = work.writer.lock().prune(&mut keep).map_err(edgefuse::Error::from)?;
    }
    work.writer.lock().commit().map_err(edgefuse::Error::from)?;
    let Work { progress, counts, .. } = work;
    drop(progress);
    report(global, args, &counts)?;
    Ok(if counts.failed == 0 { Outcome::Done } else { Outcome::SomeFailed })
}

/// What became of the files.
#[derive(Default)]
struct Counts {
    indexed: u64,
    items: u64,
    unchanged: u64,
    removed: u64,
    failed: u64,
}

struct Work {
    pipeline: Pipeline,
    writer: IndexWriter,
    settings: String,
    frames: FilmOptions,
    progress: Progress,
    committed: Instant,
    counts: Counts,
}

impl Work {
    /// Indexes a record, or a film as a whole, unless it is in the index as it is.
    fn unit(&mut self, record: Record) -> Result<(), Stop> {
        let version = version_of(&record, &self.settings);
        let film = film(&record);
        let key = film.as_ref().map_or_else(|| record.name(), |film| format!("{}#film", film.display()));
        if self.writer.lock().version(&key).map_err(edgefuse::Error::from)?.as_ref() == Some(&version) {
            self.counts.unchanged += 1;
            return Ok(());
        }
        let done = match film {
            None => self.record(&record)?,
            Some(film) => self.film(&film, key, version)?,
        };
        if done {
            self.counts.indexed += 1;
        } else {
            self.counts.failed += 1;
        }
        if self.committed.elapsed() > LONGEST_WAIT {
            self.writer.lock().commit().map_err(edgefuse::Error::from)?;
            self.committed = Instant::now();
        }
        Ok(())
    }

    /// Indexes a film: its sound and its frames. An entry without items says that all of it was.
    fn film(&mut self, film: &Path, key: String, version: String) -> Result<bool, Stop> {
        // Frames of an earlier version, or of a run that was interrupted.
        self.writer.lock().remove_all(&format!("{}#", film.display())).map_err(edgefuse::Error::from)?;
        let mut done = true;
        for record in Inputs::with_films(&[film.to_path_buf()], &self.frames) {
            done &= match record {
                Ok(record) => self.record(&record)?,
                Err(bad) => {
                    self.progress.suspend(|| say(&format!("error: {}", bad.problem)));
                    false
                }
            };
        }
        if done {
            let path = Some(film.display().to_string());
            let entry = Entry { key, version, source: "files".to_string(), path, items: Vec::new() };
            self.writer.lock().put(entry).map_err(edgefuse::Error::from)?;
        }
        Ok(done)
    }

    /// Indexes a record; returns whether nothing of it failed.
    fn record(&mut self, record: &Record) -> Result<bool, Stop> {
        let name = record.name();
        self.progress.start(&name);
        let progress = &self.progress;
        let result = self.pipeline.process(record, &mut |done, total| progress.seconds(&name, done, total))?;
        self.counts.items += result.indexed().map_or(0, |timed| timed.value.items as u64);
        Ok(self.say(&result))
    }

    fn bad(&mut self, bad: &BadRecord) {
        self.counts.failed += 1;
        self.progress.suspend(|| say(&format!("error: {}", bad.problem)));
    }

    /// Reports warnings and errors; returns whether there are no errors.
    fn say(&self, result: &RecordResult) -> bool {
        let errors = result.errors();
        self.progress.suspend(|| {
            result.warnings.iter().for_each(|warning| log::warn!("{warning}"));
            errors.iter().for_each(|error| match error.contains(&result.id) {
                true => say(&format!("error: {error}")),
                false => say(&format!("error: {}: {error}", result.id)),
            });
        });
        errors.is_empty()
    }
}

/// The film, if the record is nothing but one.
fn film(record: &Record) -> Option<PathBuf> {
    let path = record.audio.as_ref()?.path()?;
    (is_film(path) && record.image.is_none() && record.text.is_none()).then(|| path.to_path_buf())
}

/// The steps before `index` are those of the device file that say something to be found; recordings are transcribed if the
/// device can. Also returns the settings, whose change makes entries out of date.
fn steps(device: &Device, args: &Index, chosen: Option<String>) -> Result<(Vec<Step>, String), Stop> {
    let says = [TranscribeOptions::NAME, CaptionOptions::NAME, ClassifyOptions::NAME];
    let mut steps: Vec<Step> = device.pipeline.iter().filter(|step| says.contains(&step.name())).cloned().collect();
    let transcribes = choose_model(device, capability::TRANSCRIBE, None, "index").is_ok();
    if transcribes && !steps.iter().any(|step| step.name() == TranscribeOptions::NAME) {
        steps.push(TranscribeOptions::default().into());
    }
    let model = chosen.or(device.options::<IndexOptions>().model);
    let mut fingerprinted = steps.clone();
    fingerprinted.push(EmbedOptions { model: model.clone(), ..EmbedOptions::default() }.into());
    let settings = settings(device, &fingerprinted)?;
    let options = IndexOptions { into: args.into.clone(), model, batch: BATCH, settings: settings.clone() };
    steps.push(options.into());
    Ok((steps, settings))
}

fn report(global: &Global, args: &Index, counts: &Counts) -> Result<(), Stop> {
    use std::io::Write;
    let Counts { indexed, items, unchanged, removed, failed } = counts;
    let line = match global.format {
        Format::Json => json!({
            "into": args.into.display().to_string(), "indexed": indexed, "items": items, "unchanged": unchanged,
            "removed": removed, "failed": failed,
        })
        .to_string(),
        _ => {
            format!("{indexed} indexed ({items} items), {unchanged} unchanged, {removed} removed, {failed} failed")
        }
    };
    writeln!(std::io::stdout().lock(), "{line}").map_err(Stop::Output)
}
