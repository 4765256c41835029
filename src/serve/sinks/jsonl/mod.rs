//! The sink `jsonl`: results as lines of a file, which is rotated.

mod lines;
mod rotation;

use std::io;
use std::time::Duration;

use edgefuse::config::{Fsync, JsonlOptions};
use edgefuse::file_lock::FileLock;
use tokio::time::{Instant, timeout_at};

use super::Sink;
use super::counts::Counts;
use super::outage::Outage;
use super::queue::Queue;
use crate::serve::event::Event;
use lines::Lines;
use rotation::Rotation;

/// Interval at which the age of a file without new lines is checked.
const LOOK: Duration = Duration::from_secs(60);

pub struct Jsonl {
    lines: Lines,
    rotation: Rotation,
    fsync: Fsync,
    sink: String,
    outage: Outage,
    counts: Counts,
    /// When written lines must be on the disk.
    sync_by: Option<Instant>,
    _lock: FileLock,
}

impl Jsonl {
    /// Locks the file, and removes and counts an unfinished last line of an earlier run.
    ///
    /// # Errors
    /// The problem, in one line.
    pub fn open(options: &JsonlOptions, name: &str, counts: &Counts) -> Result<Self, String> {
        let path = options.file();
        let folder = path.parent().unwrap_or(&path);
        let failed = |problem: &dyn std::fmt::Display| format!("{}: cannot write: {problem}", path.display());
        std::fs::create_dir_all(folder).map_err(|error| failed(&error))?;
        let lock = path.with_extension("jsonl.lock");
        let lock = FileLock::acquire(&lock, &path).map_err(|error| error.to_string())?;
        let mut jsonl = Jsonl {
            lines: Lines::new(path.clone()),
            rotation: Rotation::of(options),
            fsync: options.fsync,
            sink: name.to_string(),
            outage: Outage::none(name),
            counts: counts.clone(),
            sync_by: None,
            _lock: lock,
        };
        match jsonl.lines.open() {
            Ok(torn) => jsonl.dropped(torn),
            // A disk may have room later.
            Err(error) if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
                jsonl.outage.begins(error, "results are dropped until it works");
            }
            Err(error) => return Err(failed(&error)),
        }
        Ok(jsonl)
    }

    /// Counts an unfinished line of this many bytes, if there was one.
    fn dropped(&self, torn: u64) {
        if torn > 0 {
            self.counts.dropped.inc();
            log::warn!("sink {}: an unfinished last line of {torn} bytes was dropped", self.sink);
        }
    }

    fn write(&mut self, event: &Event, queue: &Queue) {
        let Some(line) = event.line() else { return };
        let Ok(mut line) = serde_json::to_vec(line) else { return };
        line.push(b'\n');
        match self.append(&line) {
            Ok(()) => {
                queue.counts.delivered.inc();
                self.outage.ends("writes again", None);
            }
            Err(error) => {
                queue.counts.dropped.inc();
                self.outage.begins(error, "results are dropped until it works");
                self.outage.dropped(1);
            }
        }
    }

    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        if self.rotation.is_due(&self.lines, line.len() as u64) {
            self.rotate()?;
        }
        let torn = self.lines.append(line)?;
        self.dropped(torn);
        match self.fsync {
            Fsync::Never => {}
            Fsync::Always => self.lines.sync()?,
            Fsync::Within(span) => {
                self.sync_by.get_or_insert_with(|| Instant::now() + span);
            }
        }
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        if self.fsync != Fsync::Never {
            self.lines.sync()?;
        }
        self.rotation.rotate(&mut self.lines)
    }

    /// What is due although no event came.
    fn tick(&mut self) {
        let due = self.sync_by.is_some_and(|by| by <= Instant::now());
        let synced = if due { self.sync() } else { Ok(()) };
        let rotated = if self.rotation.is_due(&self.lines, 0) { self.rotate() } else { Ok(()) };
        if let Err(error) = synced.and(rotated) {
            self.outage.begins(error, "results may be lost until it works");
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_by = None;
        self.lines.sync()
    }
}

impl Sink for Jsonl {
    async fn run(mut self, queue: &Queue) {
        loop {
            let wake = self.sync_by.unwrap_or_else(|| Instant::now() + LOOK);
            match timeout_at(wake, queue.next()).await {
                Ok(Some(event)) => {
                    self.write(&event, queue);
                    if self.sync_by.is_some_and(|by| by <= Instant::now()) {
                        self.tick();
                    }
                }
                Ok(None) => break,
                Err(_) => self.tick(),
            }
        }
        if let Err(error) = self.sync() {
            self.outage.begins(error, "the last results may be lost");
        }
    }
}

#[cfg(test)]
mod tests;
