//! What a sink keeps until it is delivered: in a bounded queue on disk, or in memory where there is none or it has no room.

mod disk;
mod position;
mod segment;

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use edgefuse::config::SpoolOptions;
use edgefuse::file_lock::FileLock;

use super::counts::Counts;
use super::outage::{Outage, were};
use disk::{Disk, Taken};

/// Entries and bytes that are kept in memory.
const MOST_IN_MEMORY: usize = 1000;
const MOST_BYTES_IN_MEMORY: usize = 8 << 20;

/// Interval at which waiting entries are forced onto the disk.
const SYNC: Duration = Duration::from_secs(1);

/// A bounded queue of entries, in order.
pub struct Spool {
    sink: String,
    disk: Option<Disk>,
    /// Entries that the disk had no room for, behind those on disk.
    memory: VecDeque<Vec<u8>>,
    /// Entries that were taken, oldest first, with their numbers.
    taken: VecDeque<(u64, Origin)>,
    next: u64,
    synced: Instant,
    /// The disk does not work.
    outage: Outage,
    /// Entries are dropped, since when nothing was delivered.
    dropping: u64,
    counts: Counts,
    _lock: Option<FileLock>,
}

enum Origin {
    Disk(Taken),
    Memory,
}

/// An entry to deliver.
pub struct Entry {
    /// Its number, for [`Spool::delivered`].
    pub number: u64,
    pub payload: Vec<u8>,
}

impl Spool {
    /// Opens the spool; entries of an earlier run are delivered first.
    ///
    /// # Errors
    /// The problem, in one line: another process uses the folder, or it cannot be written.
    pub fn open(options: Option<&SpoolOptions>, sink: &str, counts: &Counts) -> Result<Self, String> {
        let mut spool = Spool {
            sink: sink.to_string(),
            disk: None,
            memory: VecDeque::new(),
            taken: VecDeque::new(),
            next: 0,
            synced: Instant::now(),
            outage: Outage::none(sink),
            dropping: 0,
            counts: counts.clone(),
            _lock: None,
        };
        let Some(SpoolOptions { path, limit }) = options else { return Ok(spool) };
        let failed = |error: io::Error| format!("{}: cannot write: {error}", path.display());
        std::fs::create_dir_all(path).map_err(failed)?;
        spool._lock = Some(FileLock::acquire(&path.join("lock"), path).map_err(|error| error.to_string())?);
        match Disk::open(path, limit.bytes()) {
            Ok((disk, removed)) => {
                if removed > 0 {
                    // At least one entry; how many there were cannot be read.
                    counts.dropped.inc();
                    log::warn!("sink {sink}: {}: {removed} bytes of unfinished entries were dropped", path.display());
                }
                spool.counts.waiting.inc_by(disk.waiting() as i64);
                spool.disk = Some(disk);
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
                spool
                    .outage
                    .begins(format!("{}: {error}", path.display()), "results are kept in memory until the next start");
            }
            Err(error) => return Err(failed(error)),
        }
        Ok(spool)
    }

    /// Keeps an entry. The oldest give way if there is no room.
    pub fn push(&mut self, payload: Vec<u8>) {
        self.counts.waiting.inc();
        if self.memory.is_empty()
            && let Some(disk) = &mut self.disk
        {
            match disk.push(&payload) {
                Ok(dropped) => {
                    self.outage.ends("the spool works again", None);
                    return self.dropped(dropped);
                }
                Err(error) => {
                    self.outage
                        .begins(format!("spool: {error}"), "the newest results are kept in memory until it works");
                }
            }
        }
        self.memory.push_back(payload);
        let taken = self.taken.iter().filter(|(_, origin)| matches!(origin, Origin::Memory)).count();
        let mut bytes: usize = self.memory.iter().map(Vec::len).sum();
        let mut dropped = 0;
        // What was taken is under way.
        while (self.memory.len() > MOST_IN_MEMORY || bytes > MOST_BYTES_IN_MEMORY) && self.memory.len() > taken + 1 {
            bytes -= self.memory.remove(taken).map_or(0, |oldest| oldest.len());
            dropped += 1;
        }
        self.dropped(dropped);
    }

    fn dropped(&mut self, number: u64) {
        if number == 0 {
            return;
        }
        if self.dropping == 0 {
            log::warn!("sink {}: no room for more results; the oldest are dropped", self.sink);
        }
        self.dropping += number;
        self.counts.dropped.inc_by(number);
        self.counts.waiting.dec_by(number as i64);
    }

    /// The next entry that was not taken yet.
    pub fn take(&mut self) -> Option<Entry> {
        let number = self.next;
        while let Some(disk) = &mut self.disk {
            match disk.take() {
                Ok(Some((payload, taken))) => {
                    self.taken.push_back((number, Origin::Disk(taken)));
                    self.next += 1;
                    return Some(Entry { number, payload });
                }
                Ok(None) => break,
                Err(error) => log::warn!("sink {}: spool: {error}; the rest of its file is left out", self.sink),
            }
        }
        let taken = self.taken.iter().filter(|(_, origin)| matches!(origin, Origin::Memory)).count();
        let payload = self.memory.get(taken)?.clone();
        self.taken.push_back((number, Origin::Memory));
        self.next += 1;
        Some(Entry { number, payload })
    }

    /// The entry with this number, and all before it, need not be kept any longer.
    pub fn delivered(&mut self, number: u64) {
        let mut last = None;
        while self.taken.front().is_some_and(|(taken, _)| *taken <= number) {
            let Some((_, origin)) = self.taken.pop_front() else { break };
            self.counts.waiting.dec();
            match origin {
                Origin::Disk(taken) => last = Some(taken),
                Origin::Memory => drop(self.memory.pop_front()),
            }
        }
        if let (Some(disk), Some(taken)) = (&mut self.disk, last)
            && let Err(error) = disk.delivered(taken)
        {
            self.outage.begins(format!("spool: {error}"), "results may be sent again after a restart");
        }
        if std::mem::take(&mut self.dropping) > 0 {
            log::warn!("sink {}: there is room for results again", self.sink);
        }
    }

    /// What was taken and not delivered is taken again.
    pub fn rewind(&mut self) {
        self.taken.clear();
        if let Some(disk) = &mut self.disk {
            disk.rewind();
        }
    }

    /// Entries that were not delivered.
    pub fn waiting(&self) -> u64 {
        self.disk.as_ref().map_or(0, Disk::waiting) + self.memory.len() as u64
    }

    /// Entries that were taken and not delivered.
    pub fn under_way(&self) -> usize {
        self.taken.len()
    }

    /// Forces what waits onto the disk, about once a second.
    pub fn sync(&mut self) {
        let Some(disk) = self.disk.as_mut().filter(|disk| disk.waiting() > 0) else { return };
        if self.synced.elapsed() >= SYNC {
            self.synced = Instant::now();
            if let Err(error) = disk.sync() {
                self.outage.begins(format!("spool: {error}"), "results may be lost if the power fails");
            }
        }
    }

    /// Ends it: what is on disk is delivered by the next run; what is not, is lost and reported.
    pub fn end(mut self) {
        if let Some(disk) = &mut self.disk {
            while let Some(payload) = self.memory.front() {
                match disk.push(payload) {
                    Ok(_) => drop(self.memory.pop_front()),
                    Err(_) => break,
                }
            }
            if let Err(error) = disk.sync() {
                log::warn!("sink {}: spool: {error}", self.sink);
            }
        }
        self.counts.waiting.dec_by(self.waiting() as i64);
        let (kept, lost) = (self.waiting() - self.memory.len() as u64, self.memory.len() as u64);
        if lost > 0 {
            self.counts.dropped.inc_by(lost);
            log::warn!("sink {}: {} not delivered", self.sink, were(lost));
        }
        if kept > 0 {
            log::info!("sink {}: {} kept for the next start", self.sink, were(kept));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(spool: &mut Spool, count: usize) -> Vec<u64> {
        let mut numbers = Vec::new();
        while numbers.len() < count
            && let Some(entry) = spool.take()
        {
            numbers.push(u64::from_le_bytes(entry.payload[..8].try_into().unwrap()));
        }
        numbers
    }

    fn push(spool: &mut Spool, range: std::ops::Range<u64>) {
        range.for_each(|number| spool.push(number.to_le_bytes().to_vec()));
    }

    fn options(folder: &std::path::Path) -> SpoolOptions {
        serde_yaml::from_str(&format!("{{path: {}, limit: 1MiB}}", folder.display())).unwrap()
    }

    #[test]
    fn memory_keeps_the_newest() {
        let counts = Counts::default();
        let mut spool = Spool::open(None, "x", &counts).unwrap();
        push(&mut spool, 0..3);
        assert_eq!(numbers(&mut spool, 2), [0, 1]);
        // Two are under way, so the oldest of the others give way.
        push(&mut spool, 3..MOST_IN_MEMORY as u64 + 2);
        assert_eq!((counts.dropped.get(), spool.waiting()), (2, MOST_IN_MEMORY as u64));
        spool.delivered(1);
        assert_eq!(numbers(&mut spool, 2), [4, 5]);
        spool.rewind();
        assert_eq!(numbers(&mut spool, 1), [4]);
        assert_eq!(counts.waiting.get(), MOST_IN_MEMORY as i64 - 2);
    }

    #[test]
    fn what_the_disk_has_no_room_for_follows_from_memory() {
        let folder = tempfile::tempdir().unwrap();
        let counts = Counts::default();
        let mut spool = Spool::open(Some(&options(folder.path())), "x", &counts).unwrap();
        push(&mut spool, 0..2);
        // A disk that cannot take this one, and then everything.
        spool.push([2u64.to_le_bytes().to_vec(), vec![0; 2 << 20]].concat());
        assert!(spool.outage.lasts() && spool.memory.len() == 1);
        push(&mut spool, 3..5);
        assert_eq!(spool.memory.len(), 3, "order matters more than the disk");
        assert_eq!(numbers(&mut spool, 9), [0, 1, 2, 3, 4]);
        spool.delivered(4);
        push(&mut spool, 5..6);
        assert!(spool.memory.is_empty() && !spool.outage.lasts());
        assert_eq!((spool.waiting(), counts.waiting.get(), counts.dropped.get()), (1, 1, 0));
    }

    #[test]
    fn an_orderly_end_moves_memory_to_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(Some(&options(folder.path())), "x", &Counts::default()).unwrap();
        push(&mut spool, 0..1);
        spool.memory.push_back(1u64.to_le_bytes().to_vec());
        spool.end();
        let counts = Counts::default();
        let mut spool = Spool::open(Some(&options(folder.path())), "x", &counts).unwrap();
        assert_eq!((numbers(&mut spool, 9), counts.waiting.get()), (vec![0, 1], 2));
        let second = Spool::open(Some(&options(folder.path())), "x", &counts);
        assert!(second.err().unwrap().contains("another run"));
    }
}
