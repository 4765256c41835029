//! Records from files: those that arrive in a folder, or the lines of a manifest.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use edgefuse::config::FolderSource;
use edgefuse::pipeline::{BadRecord, Inputs, Job, RecordResult, Spool};
use edgefuse::{Error, Record};

use super::desk::{Desk, Sighting};
use super::reporter::Reporter;
use super::stop::Stop;
use super::supervise::{Ended, Pulse, keep_running};
use crate::serve::event::{Finding, Moment, What};
use crate::serve::manifests::Manifests;
use crate::serve::service::Service;

/// Time between scans of a folder: a file is processed once several scans found it unchanged.
const INTERVAL: Duration = Duration::from_millis(500);

/// Interval at which a reader of standard input checks whether the service stops.
const LOOK: Duration = Duration::from_millis(100);

/// At most this fraction of the time is spent on scanning.
const SHARE_OF_LOOKING: u32 = 10;

/// Starts to process the files that arrive in a folder. Each has its result file, as with `watch`; every result is an event
/// as well.
pub fn folder(folder: FolderSource, desk: Desk, stop: Stop) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let reporter = desk.reporter.clone();
        keep_running(&reporter, &stop, |pulse| {
            // A spool reports it if that was not possible.
            let _ = fs::create_dir_all(&folder.results);
            match Spool::new(&folder.path, &folder.results) {
                Ok(mut spool) => watch(&mut spool, &desk, &stop, pulse),
                Err(error) => Ended::Failed(error.to_string()),
            }
        });
    })
}

fn watch(spool: &mut Spool, desk: &Desk, stop: &Stop, pulse: &mut Pulse) -> Ended {
    while !stop.is_set() {
        let looked = Instant::now();
        let ready = match spool.ready() {
            Ok(ready) => ready,
            Err(error) => return Ended::Failed(error.to_string()),
        };
        pulse.beat();
        for ready in &ready {
            desk.reporter.counts.arrived.inc();
            let outcome = spool.take(ready).and_then(|job| job.map_or(Ok(()), |job| work(job, desk, stop)));
            if let Err(error) = outcome {
                // The others can still be processed; a disk that is full is met by the next one, too.
                log::warn!("source {}: {error}; the file is skipped until it changes", desk.reporter.name);
                spool.refuse(ready);
            }
            if stop.is_set() {
                return Ended::Finished;
            }
        }
        stop.sleep(INTERVAL.max(looked.elapsed() * SHARE_OF_LOOKING));
    }
    Ended::Finished
}

/// Processes one file.
fn work(mut job: Job, desk: &Desk, stop: &Stop) -> Result<(), Error> {
    let Some(records) = job.records() else {
        let name = job.path.display().to_string();
        let problem = format!("{name}: skipped, because the service was killed each time it processed this file");
        let result = RecordResult::failed(name, problem);
        job.write(&result)?;
        publish(&desk.reporter, result);
        return job.finish();
    };
    for record in records {
        let result = match record {
            Ok(record) => match desk.run(&record) {
                Some(result) => result,
                None => return Ok(()),
            },
            Err(bad) => RecordResult::failed(bad.id, bad.problem),
        };
        if stop.is_set() {
            return Ok(());
        }
        job.write(&result)?;
        publish(&desk.reporter, result);
    }
    job.finish()
}

/// Starts to process the lines of a manifest, once: after a reload, those that were not processed yet.
pub fn manifest(path: PathBuf, desk: Desk, service: Arc<Service>, stop: Stop) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let reporter = desk.reporter.clone();
        keep_running(&reporter, &stop, |pulse| {
            pulse.beat();
            match path.as_os_str() == "-" {
                true => standard_input(&desk, &service.manifests, &stop),
                false => lines(&path, &desk, &service.manifests, &stop),
            }
            Ended::Finished
        });
    })
}

fn lines(path: &Path, desk: &Desk, manifests: &Manifests, stop: &Stop) {
    let progress = manifests.progress(&desk.reporter.name, path);
    let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(done) = progress.start(path) else { return };
    for record in Inputs::manifest(path).skip(done) {
        if stop.is_set() {
            return;
        }
        line(record, desk);
        progress.processed();
    }
    progress.finish();
}

fn standard_input(desk: &Desk, manifests: &Manifests, stop: &Stop) {
    let records = manifests.stdin();
    let records = records.lock().unwrap_or_else(PoisonError::into_inner);
    while !stop.is_set() {
        match records.recv_timeout(LOOK) {
            Ok(record) => line(record, desk),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn line(record: Result<Record, BadRecord>, desk: &Desk) {
    desk.reporter.counts.arrived.inc();
    match record {
        Ok(record) => desk.publish(sighting(record)),
        Err(bad) => publish(&desk.reporter, RecordResult::failed(bad.id, bad.problem)),
    }
}

fn sighting(record: Record) -> Sighting {
    let now = Moment::now();
    Sighting { record, picture: None, at: now, until: now, warnings: Vec::new() }
}

fn publish(reporter: &Reporter, result: RecordResult) {
    let now = Moment::now();
    reporter.publish_at(now, What::Result(Box::new(Finding::new(result, None, now))));
}
