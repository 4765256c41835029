//! Turns the command line's files, folders and manifests into records.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::film::{FilmOptions, FilmRecords, is_film};
use super::manifest::Manifest;
use super::record::{BadRecord, Record};
use super::shard::Shard;
use crate::media::audio;
use crate::media::image::{EXTENSIONS, UNSUPPORTED_EXTENSIONS};
use crate::support::path_text::path_text;

/// Kind of a media file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaKind {
    /// A picture.
    Image,
    /// A sound.
    Audio,
}

impl MediaKind {
    /// The kind by the file's extension, and by its content if source code has the same extension (`.ts`).
    pub fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        if EXTENSIONS.iter().chain(UNSUPPORTED_EXTENSIONS).any(|known| *known == extension) {
            Some(MediaKind::Image)
        } else if audio::is_recording(path) {
            Some(MediaKind::Audio)
        } else {
            None
        }
    }

    fn record(self, path: PathBuf) -> Record {
        match self {
            MediaKind::Image => Record::default().with_image(path),
            MediaKind::Audio => Record::default().with_audio(path),
        }
    }
}

/// Iterates over records. A record that cannot be read does not affect the others.
pub struct Inputs {
    waiting: VecDeque<Pending>,
    total: Option<u64>,
    shard: Option<Shard>,
}

enum Pending {
    One(Result<Record, BadRecord>),
    Manifest(Box<Manifest>),
    Film(FilmRecords),
}

impl Inputs {
    /// Inputs of `run`: pictures, sounds, folders of them (searched recursively, in order of path), and `.jsonl`
    /// manifests. An unreadable input becomes a bad record, so that the others are still processed.
    pub fn mixed(paths: &[PathBuf]) -> Self {
        Self::expand(paths, None)
    }

    /// As [`Inputs::mixed`]; frames of the films among `paths` become records, too.
    pub fn with_films(paths: &[PathBuf], options: &FilmOptions) -> Self {
        let mut inputs = Inputs { waiting: VecDeque::new(), total: Some(0), shard: None };
        for path in paths {
            let mut more = match is_film(path) && path.is_file() {
                true => {
                    let film = FilmRecords::new(path.clone(), options.clone());
                    Inputs { waiting: VecDeque::from([Pending::Film(film)]), total: None, shard: None }
                }
                false => Self::mixed(std::slice::from_ref(path)),
            };
            inputs.waiting.append(&mut more.waiting);
            inputs.total = inputs.total.zip(more.total).map(|(before, more)| before + more);
        }
        inputs
    }

    /// Inputs of a single kind, whatever their names; in folders, the files whose names indicate that kind.
    pub fn of_kind(paths: &[PathBuf], kind: MediaKind) -> Self {
        Self::expand(paths, Some(kind))
    }

    /// The records of a manifest, whatever its name.
    pub fn manifest(path: &Path) -> Self {
        Self::lines(path, Manifest::open(path))
    }

    /// The records of a manifest on standard input.
    pub fn stdin() -> Self {
        Self::lines(Path::new("-"), Manifest::stdin())
    }

    fn lines(path: &Path, manifest: io::Result<Manifest>) -> Self {
        let record = match manifest {
            Err(error) => Pending::One(Err(bad(path, &format!("cannot be read: {error}")))),
            Ok(manifest) => Pending::Manifest(Box::new(manifest)),
        };
        Inputs { waiting: VecDeque::from([record]), total: None, shard: None }
    }

    /// A single record.
    pub fn single(record: Record) -> Self {
        Self::records(vec![record])
    }

    /// Several records.
    pub fn records(records: Vec<Record>) -> Self {
        let total = Some(records.len() as u64);
        let waiting = records.into_iter().map(|record| Pending::One(Ok(record))).collect();
        Inputs { waiting, total, shard: None }
    }

    /// Only the records of one shard. Those of the others are read, but not processed.
    #[must_use]
    pub fn of_shard(self, shard: Shard) -> Self {
        Inputs { total: None, shard: Some(shard), ..self }
    }

    /// Number of records, if it is known before they are read.
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    fn expand(paths: &[PathBuf], wanted: Option<MediaKind>) -> Self {
        let mut waiting = VecDeque::new();
        let mut manifests = false;
        for path in paths {
            if path.is_dir() {
                waiting.extend(folder(path, wanted).into_iter().map(Pending::One));
                continue;
            }
            // `caption` and `transcribe` accept any file, and their decoders identify it.
            if let Some(kind) = wanted.or_else(|| MediaKind::of(path)) {
                waiting.push_back(Pending::One(Ok(kind.record(path.clone()))));
                continue;
            }
            let is_manifest = path.extension().is_some_and(|extension| extension == "jsonl");
            waiting.push_back(match Manifest::open(path) {
                Err(error) => Pending::One(Err(bad(path, &format!("cannot be read: {error}")))),
                Ok(manifest) if is_manifest => {
                    manifests = true;
                    Pending::Manifest(Box::new(manifest))
                }
                Ok(_) => Pending::One(Err(bad(
                    path,
                    "not an image, audio or .jsonl file, judging by its name; use `caption` or `transcribe` to read it anyway",
                ))),
            });
        }
        let total = (!manifests).then_some(waiting.len() as u64);
        Inputs { waiting, total, shard: None }
    }

    /// The next record of any shard.
    fn next_of_all(&mut self) -> Option<Result<Record, BadRecord>> {
        loop {
            match self.waiting.pop_front()? {
                Pending::One(record) => return Some(record),
                Pending::Film(mut film) => {
                    if let Some(record) = film.next() {
                        self.waiting.push_front(Pending::Film(film));
                        return Some(record);
                    }
                }
                Pending::Manifest(mut manifest) => {
                    if let Some(record) = manifest.next() {
                        self.waiting.push_front(Pending::Manifest(manifest));
                        return Some(record);
                    }
                }
            }
        }
    }
}

fn bad(path: &Path, problem: &str) -> BadRecord {
    let id = path_text(path);
    BadRecord { problem: format!("{id}: {problem}"), id }
}

/// The records of a folder; a folder without any is a bad record.
fn folder(path: &Path, wanted: Option<MediaKind>) -> Vec<Result<Record, BadRecord>> {
    let (mut found, mut left_out) = (Vec::new(), LeftOut::default());
    find_files(path, wanted, &mut found, &mut left_out);
    if let Some(line) = left_out.line() {
        log::warn!("{}: {line}", path.display());
    }
    if found.is_empty() {
        let what = match wanted {
            None => "image or audio file",
            Some(MediaKind::Image) => "image",
            Some(MediaKind::Audio) => "audio file",
        };
        found.push(Err(bad(path, &format!("the folder contains no {what}"))));
    }
    found
}

impl Iterator for Inputs {
    type Item = Result<Record, BadRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let record = self.next_of_all()?;
            let is_ours = |shard: Shard| match &record {
                Ok(record) => shard.has(&record.name()),
                Err(bad) => shard.has(&bad.id),
            };
            if self.shard.is_none_or(is_ours) {
                return Some(record);
            }
        }
    }
}

/// Files of a folder that are not inputs, counted by extension.
#[derive(Default)]
struct LeftOut(BTreeMap<String, u64>);

impl LeftOut {
    fn add(&mut self, path: &Path) {
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
        *self.0.entry(extension.unwrap_or_default()).or_default() += 1;
    }

    /// One line with the counts, most frequent first; `None` if there are none.
    fn line(&self) -> Option<String> {
        /// Number of extensions listed by name.
        const NAMED: usize = 5;
        let mut counts: Vec<_> = self.0.iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let total: u64 = self.0.values().sum();
        let name = |extension: &str| match extension {
            "" => "without an extension".to_string(),
            extension => format!(".{}", extension.escape_debug()),
        };
        let mut parts: Vec<_> =
            counts.iter().take(NAMED).map(|(extension, count)| format!("{count} {}", name(extension))).collect();
        let others: u64 = counts.iter().skip(NAMED).map(|(_, count)| **count).sum();
        if others > 0 {
            parts.push(format!("{others} others"));
        }
        let files = if total == 1 { "file" } else { "files" };
        (total > 0).then(|| format!("{total} {files} left out: {}", parts.join(", ")))
    }
}

/// Pictures and sounds below `folder`, in order of path. Hidden files and folders are ignored. Symbolic links
/// to folders are not followed, so there is no endless loop.
fn find_files(
    folder: &Path,
    wanted: Option<MediaKind>,
    found: &mut Vec<Result<Record, BadRecord>>,
    left_out: &mut LeftOut,
) {
    let entries = fs::read_dir(folder).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
    let mut entries = match entries {
        Ok(entries) => entries,
        Err(error) => return found.push(Err(bad(folder, &format!("cannot be read: {error}")))),
    };
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            find_files(&path, wanted, found, left_out);
        } else if let Some(kind) = MediaKind::of(&path).filter(|kind| wanted.is_none_or(|wanted| wanted == *kind)) {
            found.push(Ok(kind.record(path)));
        } else if !path.is_dir() {
            left_out.add(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::media::Sound;
    use super::*;

    #[test]
    fn a_folder_yields_its_pictures_and_sounds_in_order() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.PNG", "a.wav", "notes.txt", "sub/c.jpeg"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let paths = [folder.path().to_path_buf(), folder.path().join("notes.txt")];
        let records: Vec<_> = Inputs::mixed(&paths).collect();
        assert_eq!(records.len(), 4);
        assert!(records[0].as_ref().unwrap().audio.as_ref().unwrap().name().ends_with("a.wav"));
        assert!(records[1].as_ref().unwrap().image.as_ref().unwrap().name().ends_with("b.PNG"));
        assert!(records[2].as_ref().unwrap().image.as_ref().unwrap().name().ends_with("sub/c.jpeg"));
        assert!(records[3].as_ref().unwrap_err().problem.contains("not an image, audio or .jsonl file"));
    }

    #[test]
    fn a_folder_without_the_wanted_kind_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.wav"), "").unwrap();
        let records: Vec<_> = Inputs::of_kind(&[folder.path().to_path_buf()], MediaKind::Image).collect();
        assert!(records[0].as_ref().unwrap_err().problem.contains("contains no image"));
    }

    #[test]
    fn hidden_files_are_left_alone_and_others_counted() {
        let folder = tempfile::tempdir().unwrap();
        for name in [".trash/x.wav", "._a.wav", "a.OPUS", "b.txt", "c.TXT", "README", "d.pdf", "sub/clip.MOV"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let (mut found, mut left_out) = (Vec::new(), LeftOut::default());
        find_files(folder.path(), Some(MediaKind::Audio), &mut found, &mut left_out);
        let names: Vec<_> = found.into_iter().map(|record| record.unwrap().audio.unwrap()).collect();
        assert_eq!(names, ["a.OPUS", "sub/clip.MOV"].map(|name| Sound::from(folder.path().join(name))));
        assert_eq!(left_out.line().unwrap(), "4 files left out: 2 .txt, 1 without an extension, 1 .pdf");
    }

    #[test]
    fn an_empty_folder_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let records: Vec<_> = Inputs::mixed(&[folder.path().to_path_buf()]).collect();
        assert!(records[0].as_ref().unwrap_err().problem.contains("contains no image or audio"));
    }
}
