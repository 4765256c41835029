//! `watch`: the pipeline as a service over a folder.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use edgefuse::OutputError;
use edgefuse::engine::Engine;
use edgefuse::error::Error;
use edgefuse::models::Models;
use edgefuse::pipeline::{Job, Pipeline, RecordResult, Spool};

use super::printer;
use super::start::device;
use crate::cli::args::{Global, Watch};
use crate::cli::notify::Notify;
use crate::cli::printer::{Printer, Shown};
use crate::cli::terminate::Leftovers;
use crate::cli::{Outcome, Stop, say};
use edgefuse::backoff::Backoff;

/// Time between scans of the folder: a file is processed once several scans found it unchanged.
const INTERVAL: Duration = Duration::from_millis(500);

/// At most this fraction of the time is spent on scanning.
const SHARE_OF_LOOKING: u32 = 10;

/// Processes the files that arrive in a folder until the process is terminated.
pub(in crate::cli) fn watch(global: &Global, args: &Watch) -> Result<Outcome, Stop> {
    super::no_subtitles(global)?;
    let device = device(global, &[])?;
    if device.pipeline.is_empty() {
        return Err(Stop::Usage(format!("{}: no `pipeline`, which `watch` needs", device.path.display())));
    }
    let mut spool = Spool::new(&args.folder, &args.results)?;
    let engine = Engine::start(&device.runtime, &device.base).map_err(Error::from)?;
    let steps = device.pipeline.clone();
    let mut service = Service {
        pipeline: Pipeline::new(Models::new(Arc::new(engine), device), &steps)?,
        printer: Printer { named_inputs: true, ..printer(global, Shown::All) },
        notify: Notify::new(),
        leftovers: Leftovers::on_termination().map_err(Stop::Output)?,
        prints: true,
    };
    service.notify.ready();
    let mut backoff = Backoff::default();
    let mut trouble = None;
    let mut idle_since = Instant::now();
    loop {
        service.notify.alive();
        let looked = Instant::now();
        let mut pause = INTERVAL;
        if backoff.is_over() {
            match service.look(&mut spool) {
                Ok(worked) => {
                    backoff.reset();
                    trouble = None;
                    if worked || spool.is_waiting() {
                        idle_since = Instant::now();
                    } else {
                        pause = pause.max(looked.elapsed() * SHARE_OF_LOOKING);
                    }
                }
                Err(Trouble::Fatal(stop)) => return Err(stop),
                Err(Trouble::Passing(error)) => {
                    let seconds = backoff.next_wait().as_secs();
                    say(&format!("error: {error}; the next attempt is in {seconds} s"));
                    trouble = Some(error);
                }
            }
        }
        if args.until_idle.is_some_and(|seconds| idle_since.elapsed() >= Duration::from_secs(seconds.into())) {
            return trouble.map_or(Ok(Outcome::Done), |error| Err(error.into()));
        }
        thread::sleep(pause);
    }
}

/// An error that is not the file's own.
enum Trouble {
    /// Possibly temporary: a folder that cannot be read or written, a full disk.
    Passing(Error),
    /// An error that every file would cause.
    Fatal(Stop),
}

/// Whether other files would cause the error too: a disk that is full or read-only, a missing folder.
fn meets_every_file(error: &Error) -> bool {
    use io::ErrorKind::{NotFound, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    const NO_HANDLES_AND_FAILING_DISKS: [i32; 3] = [5, 23, 24]; // EIO, ENFILE, EMFILE
    let Error::File(OutputError::Write { source, .. }) = error else { return true };
    let kinds = [NotFound, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull];
    kinds.contains(&source.kind()) || source.raw_os_error().is_some_and(|it| NO_HANDLES_AND_FAILING_DISKS.contains(&it))
}

struct Service {
    pipeline: Pipeline,
    printer: Printer,
    notify: Notify,
    leftovers: Leftovers,
    /// Whether standard output is still open.
    prints: bool,
}

impl Service {
    /// Processes all ready files; returns whether there were any.
    fn look(&mut self, spool: &mut Spool) -> Result<bool, Trouble> {
        let ready = spool.ready().map_err(Trouble::Passing)?;
        for ready in &ready {
            let worked = match spool.take(ready) {
                Ok(None) => Ok(()),
                Ok(Some(job)) => {
                    self.leftovers.set(job.leftovers());
                    let worked = self.work(job);
                    self.leftovers.clear();
                    worked
                }
                Err(error) => Err(Trouble::Passing(error)),
            };
            match worked {
                // Caused by the file, for example its name: the others can still be processed.
                Err(Trouble::Passing(error)) if !meets_every_file(&error) => {
                    say(&format!("error: {error}; the file is skipped until it changes"));
                    spool.refuse(ready);
                }
                worked => worked?,
            }
            self.notify.alive();
        }
        Ok(!ready.is_empty())
    }

    /// Processes one file: results go to their file and to standard output, errors also to standard error.
    fn work(&mut self, mut job: Job) -> Result<(), Trouble> {
        match job.records() {
            None => {
                let name = job.path.display().to_string();
                let problem =
                    format!("{name}: skipped, because the service was killed each time it processed this file");
                self.emit(&RecordResult::failed(name, problem), &mut job)?;
            }
            Some(records) => {
                for item in records {
                    let notify = &self.notify;
                    let result = match item {
                        Ok(record) => {
                            let result = self.pipeline.process(&record, &mut |_, _| notify.alive());
                            result.map_err(|error| Trouble::Fatal(error.into()))?
                        }
                        Err(bad) => RecordResult::failed(bad.id, bad.problem),
                    };
                    self.notify.alive();
                    self.emit(&result, &mut job)?;
                }
            }
        }
        job.finish().map_err(Trouble::Passing)
    }

    fn emit(&mut self, result: &RecordResult, job: &mut Job) -> Result<(), Trouble> {
        result.warnings.iter().for_each(|warning| log::warn!("{warning}"));
        result.errors().iter().for_each(|error| say(&format!("error: {error}")));
        job.write(result).map_err(Trouble::Passing)?;
        if !self.prints {
            return Ok(());
        }
        match self.printer.print(result) {
            Ok(()) => Ok(()),
            Err(Stop::Output(error)) if error.kind() != io::ErrorKind::BrokenPipe => {
                say(&format!("error: standard output: cannot write: {error}; results go to their folder only"));
                self.prints = false;
                Ok(())
            }
            // The reader of our output has closed it.
            Err(stop) => Err(Trouble::Fatal(stop)),
        }
    }
}
