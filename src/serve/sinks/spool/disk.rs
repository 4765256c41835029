//! A queue on disk: segments that entries are appended to, and the place up to which they were delivered.
//!
//! An entry that was appended survives the end of the process; one that was synced, a loss of power. A new run begins a new
//! segment, so that a place in an old one never means anything else.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::position::{Place, Position};
use super::segment::{self, Segment};

/// Parts that the limit is divided into: what is dropped at once when it is reached.
const PARTS: u64 = 16;

/// The largest segment, unless an entry is larger.
const LARGEST: u64 = 1 << 20;

pub struct Disk {
    folder: PathBuf,
    limit: u64,
    segments: VecDeque<Segment>,
    /// Number of the next segment.
    next: u64,
    position: Position,
    /// Everything before it was delivered.
    done: Place,
    /// Entries of the first segment that were delivered.
    done_entries: u64,
    /// The next entry to take, and how many of its segment precede it.
    cursor: Place,
    cursor_entries: u64,
    unsynced: bool,
}

/// An entry that was taken, for [`Disk::delivered`].
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    end: Place,
    entries: u64,
}

impl Disk {
    /// Opens the queue of an earlier run, or begins one; with the bytes of unfinished entries that were removed.
    pub fn open(folder: &Path, limit: u64) -> io::Result<(Self, u64)> {
        fs::create_dir_all(folder)?;
        let mut paths = Vec::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            paths.extend(Segment::number(&path).map(|number| (number, path)));
        }
        paths.sort_unstable();
        let (position, done) = Position::open(&folder.join("position"))?;
        let mut disk = Disk {
            folder: folder.to_path_buf(),
            limit,
            segments: VecDeque::new(),
            next: paths.last().map_or(0, |(number, _)| *number).max(done.segment) + 1,
            position,
            done,
            done_entries: 0,
            cursor: Place::default(),
            cursor_entries: 0,
            unsynced: false,
        };
        let mut removed = 0;
        for (number, path) in paths {
            // The entries that were delivered, and the end of the last one, whatever the position says.
            let (mut before, mut boundary) = (0, 0);
            let mut each = |end: u64| {
                if number == done.segment && end <= done.offset {
                    (before, boundary) = (before + 1, end);
                }
            };
            let (segment, torn) = Segment::open(&path, number, &mut each)?;
            removed += torn;
            match number < done.segment || before == segment.entries {
                true => segment.delete()?,
                false => {
                    if number == done.segment {
                        (disk.done.offset, disk.done_entries) = (boundary, before);
                    }
                    disk.segments.push_back(segment);
                }
            }
        }
        // A place that is none: in a segment that is gone, or within an entry.
        if disk.done_entries == 0 {
            disk.done = disk.start();
        }
        disk.rewind();
        Ok((disk, removed))
    }

    /// The start of the first segment.
    fn start(&self) -> Place {
        Place { segment: self.segments.front().map_or(self.next, |first| first.number), offset: 0 }
    }

    /// Appends an entry; the oldest give way at the limit. Returns how many did.
    pub fn push(&mut self, payload: &[u8]) -> io::Result<u64> {
        let size = segment::size(payload);
        if payload.len() > segment::LONGEST || size > self.limit {
            return Err(io::Error::other("the result is larger than the spool"));
        }
        let mut dropped = 0;
        while self.bytes() + size > self.limit {
            dropped += self.drop_oldest()?;
        }
        let room = (self.limit / PARTS).min(LARGEST);
        // Segments of earlier runs are not appended to.
        let fits = self.segments.back().is_some_and(|last| last.number + 1 == self.next && last.length + size <= room);
        if !fits {
            self.sync()?;
            self.segments.push_back(Segment::create(&self.folder, self.next)?);
            self.next += 1;
        }
        let Some(last) = self.segments.back_mut() else { return Err(io::Error::other("no segment")) };
        last.append(payload)?;
        self.unsynced = true;
        Ok(dropped)
    }

    fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.length).sum()
    }

    /// Drops the first segment; returns how many entries of it were not delivered.
    fn drop_oldest(&mut self) -> io::Result<u64> {
        let Some(first) = self.segments.pop_front() else { return Ok(0) };
        let lost = first.entries - std::mem::take(&mut self.done_entries);
        let number = first.number;
        first.delete()?;
        self.done = self.start();
        if self.cursor.segment <= number {
            (self.cursor, self.cursor_entries) = (self.done, 0);
        }
        Ok(lost)
    }

    /// The next entry that was not taken yet.
    pub fn take(&mut self) -> io::Result<Option<(Vec<u8>, Taken)>> {
        while let Some(index) = self.segments.iter().position(|segment| segment.number >= self.cursor.segment) {
            let segment = &self.segments[index];
            if segment.number > self.cursor.segment {
                (self.cursor, self.cursor_entries) = (Place { segment: segment.number, offset: 0 }, 0);
            }
            if let Some((payload, end)) = segment.entry(self.cursor.offset)? {
                self.cursor.offset = end;
                self.cursor_entries += 1;
                return Ok(Some((payload, Taken { end: self.cursor, entries: self.cursor_entries })));
            }
            if self.cursor_entries < segment.entries {
                // Damage after the start. The rest of the segment cannot be read.
                let end = Place { segment: segment.number, offset: segment.length };
                (self.cursor, self.cursor_entries) = (end, segment.entries);
                return Err(io::Error::other("a damaged entry"));
            }
            if index + 1 == self.segments.len() {
                return Ok(None);
            }
            self.cursor.segment += 1;
            (self.cursor.offset, self.cursor_entries) = (0, 0);
        }
        Ok(None)
    }

    /// An entry, and all that were taken before it, were delivered.
    pub fn delivered(&mut self, taken: Taken) -> io::Result<()> {
        if taken.end <= self.done {
            return Ok(());
        }
        (self.done, self.done_entries) = (taken.end, taken.entries);
        self.position.set(self.done)?;
        while let Some(first) = self.segments.front() {
            let last = self.segments.len() == 1;
            let over = first.number < taken.end.segment
                || (first.number == taken.end.segment && taken.end.offset == first.length && !last);
            if !over {
                break;
            }
            if first.number == taken.end.segment {
                self.done_entries = 0;
            }
            if let Some(first) = self.segments.pop_front() {
                first.delete()?;
            }
        }
        Ok(())
    }

    /// What was taken and not delivered is taken again.
    pub fn rewind(&mut self) {
        (self.cursor, self.cursor_entries) = (self.done, self.done_entries);
    }

    /// Entries that were not delivered.
    pub fn waiting(&self) -> u64 {
        self.segments.iter().map(|segment| segment.entries).sum::<u64>() - self.done_entries
    }

    /// Forces what was appended onto the disk.
    pub fn sync(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.unsynced)
            && let Some(last) = self.segments.back()
        {
            last.sync()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u64 = 1 << 20;

    fn open(folder: &Path) -> Disk {
        Disk::open(folder, LIMIT).unwrap().0
    }

    fn push(disk: &mut Disk, range: std::ops::Range<u64>) -> u64 {
        range.map(|number| disk.push(format!("entry {number}").as_bytes()).unwrap()).sum()
    }

    /// Takes up to `count` entries; their numbers, and the last one as it was taken.
    fn take(disk: &mut Disk, count: usize) -> (Vec<u64>, Option<Taken>) {
        let mut last = None;
        let mut numbers = Vec::new();
        while numbers.len() < count
            && let Some((payload, taken)) = disk.take().unwrap()
        {
            let text = String::from_utf8(payload).unwrap();
            numbers.push(text.split(' ').nth(1).unwrap().parse().unwrap());
            last = Some(taken);
        }
        (numbers, last)
    }

    #[test]
    fn entries_come_in_order_and_until_they_are_delivered() {
        let folder = tempfile::tempdir().unwrap();
        let mut disk = open(folder.path());
        push(&mut disk, 0..5);
        let (numbers, taken) = take(&mut disk, 2);
        assert_eq!((numbers, disk.waiting()), (vec![0, 1], 5));
        disk.delivered(taken.unwrap()).unwrap();
        assert_eq!(take(&mut disk, 9).0, [2, 3, 4]);
        assert_eq!((take(&mut disk, 9).0.len(), disk.waiting()), (0, 3));
        disk.rewind();
        assert_eq!(take(&mut disk, 1).0, [2]);
        // The process is killed here: nothing is flushed or closed.
        let mut disk = open(folder.path());
        push(&mut disk, 5..6);
        let (numbers, taken) = take(&mut disk, 9);
        assert_eq!(numbers, [2, 3, 4, 5]);
        disk.delivered(taken.unwrap()).unwrap();
        let mut disk = open(folder.path());
        assert_eq!((take(&mut disk, 9).0.len(), disk.waiting()), (0, 0));
    }

    #[test]
    fn a_torn_tail_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        push(&mut open(folder.path()), 0..3);
        let file =
            fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().path()).find(|it| Segment::number(it).is_some());
        let file = file.unwrap();
        let whole = fs::read(&file).unwrap();
        let entry = whole.len() / 3;
        let zeros = [&whole[..], &[0; 4096]].concat();
        let flipped: Vec<u8> = whole.iter().enumerate().map(|(at, it)| it ^ u8::from(at == 3 * entry - 1)).collect();
        let huge = [&whole[..], &[0xff; 64]].concat();
        for (bytes, expected, torn) in [
            (whole[..2 * entry + 5].to_vec(), vec![0, 1], 5),
            (zeros, vec![0, 1, 2], 4096),
            (flipped, vec![0, 1], entry as u64),
            (huge, vec![0, 1, 2], 64),
            (Vec::new(), vec![], 0),
        ] {
            fs::write(&file, &bytes).unwrap();
            let (mut disk, removed) = Disk::open(folder.path(), LIMIT).unwrap();
            assert_eq!((take(&mut disk, 9).0, removed), (expected, torn));
        }
    }

    #[test]
    fn a_damaged_position_delivers_again_rather_than_loses() {
        let folder = tempfile::tempdir().unwrap();
        let mut disk = open(folder.path());
        push(&mut disk, 0..3);
        let (_, taken) = take(&mut disk, 1);
        disk.delivered(taken.unwrap()).unwrap();
        let file = folder.path().join("position");
        let mut bytes = fs::read(&file).unwrap();
        bytes[9] ^= 1;
        fs::write(&file, bytes).unwrap();
        assert_eq!(take(&mut open(folder.path()), 9).0, [0, 1, 2]);
    }

    #[test]
    fn a_place_behind_what_a_loss_of_power_left_does_not_hide_new_entries() {
        let folder = tempfile::tempdir().unwrap();
        let mut disk = open(folder.path());
        push(&mut disk, 0..9);
        let (_, taken) = take(&mut disk, 5);
        disk.delivered(taken.unwrap()).unwrap();
        let file =
            fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().path()).find(|it| Segment::number(it).is_some());
        let file = fs::OpenOptions::new().write(true).open(file.unwrap()).unwrap();
        file.set_len(20).unwrap();
        let mut disk = open(folder.path());
        push(&mut disk, 9..12);
        assert_eq!(take(&mut disk, 9).0, [9, 10, 11]);
    }

    #[test]
    fn at_the_limit_the_oldest_give_way_and_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let mut disk = open(folder.path());
        let payload = vec![7; 10_000];
        let mut dropped = 0;
        for _ in 0..300 {
            dropped += disk.push(&payload).unwrap();
            assert!(disk.bytes() <= LIMIT);
        }
        assert_eq!(dropped + disk.waiting(), 300);
        assert!(disk.waiting() > 80, "only about a sixteenth is dropped at once: {}", disk.waiting());
        let on_disk: u64 = fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().metadata().unwrap().len()).sum();
        assert!(on_disk <= LIMIT + 20);
        assert!(disk.push(&vec![0; LIMIT as usize + 1]).is_err());
    }

    #[test]
    fn entries_that_are_dropped_after_they_were_taken_do_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let mut disk = open(folder.path());
        push(&mut disk, 0..2);
        let (_, taken) = take(&mut disk, 2);
        let payload = vec![b'x'; 60_000];
        while disk.push(&payload).unwrap() == 0 {}
        let waiting = disk.waiting();
        disk.delivered(taken.unwrap()).unwrap();
        assert_eq!(disk.waiting(), waiting);
        assert_eq!(disk.take().unwrap().unwrap().0, payload);
    }

    #[test]
    fn delivered_segments_are_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let mut disk = open(folder.path());
        for _ in 0..20 {
            disk.push(&vec![b'x'; 60_000]).ok();
        }
        while let Some((_, taken)) = disk.take().unwrap() {
            disk.delivered(taken).unwrap();
        }
        assert_eq!(disk.waiting(), 0);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "the position and the last segment");
    }
}
