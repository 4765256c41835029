//! `watch`: the pipeline as a service over a folder.

use std::io::{self, Write};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use edgefuse::engine::Engine;
use edgefuse::error::Error;
use edgefuse::models::Models;
use edgefuse::pipeline::{Job, Pipeline, RecordResult, Spool};

use super::printer;
use super::start::device;
use crate::cli::args::{Global, Watch};
use crate::cli::notify::Notify;
use crate::cli::printer::{Printer, Shown};
use crate::cli::{Outcome, Stop, say};

/// Between two looks into the folder: a file is taken when two of them saw it unchanged.
const INTERVAL: Duration = Duration::from_millis(500);

/// Works on what comes into a folder until the process is ended.
pub(in crate::cli) fn watch(global: &Global, args: &Watch) -> Result<Outcome, Stop> {
    super::no_subtitles(global)?;
    let device = device(global, super::ALL_KINDS)?;
    if device.pipeline.is_empty() {
        return Err(Stop::Usage(format!("{}: no `pipeline`, which `watch` needs", device.path.display())));
    }
    let mut spool = Spool::new(&args.folder, &args.results)?;
    let engine = Engine::start(&device.runtime, &device.base).map_err(Error::from)?;
    let steps = device.pipeline.clone();
    let mut service = Service {
        pipeline: Pipeline::new(Models::new(Arc::new(engine), device), steps)?,
        printer: Printer { named_inputs: true, ..printer(global, Shown::All) },
        notify: Notify::new(),
    };
    service.notify.ready();
    let mut idle_since = Instant::now();
    loop {
        service.notify.alive();
        for path in spool.ready()? {
            service.work(spool.take(&path)?)?;
            idle_since = Instant::now();
        }
        if args.until_idle.is_some_and(|seconds| idle_since.elapsed() >= Duration::from_secs(seconds.into())) {
            return Ok(Outcome::Done);
        }
        thread::sleep(INTERVAL);
    }
}

struct Service {
    pipeline: Pipeline,
    printer: Printer,
    notify: Notify,
}

impl Service {
    /// One file: its result lines go to their file and to standard output, its errors into them and to standard error.
    fn work(&mut self, job: Job) -> Result<(), Stop> {
        let mut lines = Vec::new();
        match job.records() {
            None => {
                let name = job.path.display().to_string();
                let problem = format!("{name}: the service was ended each time it worked on it; it is not tried again");
                self.emit(&RecordResult::failed(name, problem), &mut lines)?;
            }
            Some(records) => {
                for item in records {
                    let notify = &self.notify;
                    let result = match item {
                        Ok(record) => self.pipeline.process(&record, &mut |_, _| notify.alive())?,
                        Err(bad) => RecordResult::failed(bad.id, bad.problem),
                    };
                    self.notify.alive();
                    self.emit(&result, &mut lines)?;
                }
            }
        }
        Ok(job.finish(&lines)?)
    }

    fn emit(&self, result: &RecordResult, lines: &mut Vec<u8>) -> Result<(), Stop> {
        result.warnings.iter().for_each(|warning| log::warn!("{warning}"));
        result.errors().iter().for_each(|error| say(&format!("error: {error}")));
        serde_json::to_writer(&mut *lines, result).map_err(io::Error::from).map_err(Stop::Output)?;
        lines.write_all(b"\n").map_err(Stop::Output)?;
        self.printer.print(result).map_err(Stop::Output)
    }
}
