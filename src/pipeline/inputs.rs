//! What the command line names, as records: files, folders and manifests.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

use super::manifest::Manifest;
use super::record::{BadRecord, Record};
use crate::error::Error;

/// What a file is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaKind {
    /// A picture.
    Image,
    /// A sound.
    Audio,
}

const IMAGE_EXTENSIONS: &[&str] = &[
    "png", "jpg", "jpeg", "gif", "webp", "bmp", "tif", "tiff", "tga", "ico", "pnm", "pbm", "pgm", "ppm", "pam", "qoi",
    "hdr", "exr", "ff", "dds",
];
const AUDIO_EXTENSIONS: &[&str] = &["wav", "wave", "mp3", "flac", "ogg", "oga", "m4a", "mp4", "aac", "mka"];

impl MediaKind {
    /// The kind that the file's extension tells.
    pub fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        if IMAGE_EXTENSIONS.contains(&extension.as_str()) {
            Some(MediaKind::Image)
        } else if AUDIO_EXTENSIONS.contains(&extension.as_str()) {
            Some(MediaKind::Audio)
        } else {
            None
        }
    }

    fn record(self, path: PathBuf) -> Record {
        match self {
            MediaKind::Image => Record { image: Some(path), ..Record::default() },
            MediaKind::Audio => Record { audio: Some(path), ..Record::default() },
        }
    }
}

/// Records, one after the other. A record that cannot be read does not keep the others from being read.
pub struct Inputs {
    waiting: VecDeque<Source>,
    total: Option<u64>,
}

enum Source {
    One(Result<Record, BadRecord>),
    Manifest(Box<Manifest>),
}

impl Inputs {
    /// Inputs of `run`: pictures, sounds, folders of them (searched whole, in order of their paths), and `.jsonl`
    /// manifests.
    ///
    /// # Errors
    /// [`Error::Read`] for a folder that cannot be read. A missing file or manifest is a bad record, so that the other
    /// inputs are still done.
    pub fn mixed(paths: &[PathBuf]) -> Result<Self, Error> {
        Self::expand(paths, |path| {
            MediaKind::of(path).map(|kind| kind.record(path.to_path_buf())).ok_or(
                "its name tells neither an image nor audio nor a .jsonl manifest; use `caption` or `transcribe` for it",
            )
        })
    }

    /// Inputs that are all of one kind, whatever their names; in folders, the files whose names tell that kind.
    ///
    /// # Errors
    /// [`Error::Read`] for a folder that cannot be read.
    pub fn of_kind(paths: &[PathBuf], kind: MediaKind) -> Result<Self, Error> {
        Self::expand(paths, |path| Ok(kind.record(path.to_path_buf()))).map(|mut inputs| {
            inputs.waiting.retain(|source| match source {
                Source::One(Ok(record)) => match kind {
                    MediaKind::Image => record.image.is_some(),
                    MediaKind::Audio => record.audio.is_some(),
                },
                _ => true,
            });
            inputs.total = Some(inputs.waiting.len() as u64);
            inputs
        })
    }

    /// One record made by hand.
    pub fn single(record: Record) -> Self {
        Inputs { waiting: [Source::One(Ok(record))].into(), total: Some(1) }
    }

    /// How many records there are, where that is known before they are read.
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    fn expand(paths: &[PathBuf], file: impl Fn(&Path) -> Result<Record, &'static str>) -> Result<Self, Error> {
        let mut waiting = VecDeque::new();
        let mut total = Some(0);
        for path in paths {
            let bad = |problem: &str| {
                let id = path.display().to_string();
                Source::One(Err(BadRecord { problem: format!("{id}: {problem}"), id }))
            };
            if path.is_dir() {
                let mut files = Vec::new();
                find_files(path, &mut files)?;
                if files.is_empty() {
                    waiting.push_back(bad("the folder holds no image or audio file"));
                }
                waiting.extend(files.into_iter().map(|(kind, path)| Source::One(Ok(kind.record(path)))));
            } else if path.extension().is_some_and(|extension| extension == "jsonl") {
                match Manifest::open(path) {
                    Ok(manifest) => {
                        waiting.push_back(Source::Manifest(Box::new(manifest)));
                        total = None;
                    }
                    Err(error) => waiting.push_back(bad(&format!("cannot read: {error}"))),
                }
            } else {
                waiting.push_back(match file(path) {
                    Ok(record) => Source::One(Ok(record)),
                    Err(problem) => bad(problem),
                });
            }
        }
        let total = total.map(|_: u64| waiting.len() as u64);
        Ok(Inputs { waiting, total })
    }
}

impl Iterator for Inputs {
    type Item = Result<Record, BadRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.waiting.pop_front()? {
                Source::One(record) => return Some(record),
                Source::Manifest(mut manifest) => {
                    if let Some(record) = manifest.next() {
                        self.waiting.push_front(Source::Manifest(manifest));
                        return Some(record);
                    }
                }
            }
        }
    }
}

/// Pictures and sounds below `folder`, in order of their paths. Symbolic links to folders are not followed, so there is
/// no endless loop.
fn find_files(folder: &Path, found: &mut Vec<(MediaKind, PathBuf)>) -> Result<(), Error> {
    let read = |source| Error::Read { path: folder.to_path_buf(), source };
    let mut entries = fs::read_dir(folder).map_err(read)?.collect::<Result<Vec<_>, _>>().map_err(read)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_type().map_err(read)?.is_dir() {
            find_files(&path, found)?;
        } else if let Some(kind) = MediaKind::of(&path) {
            found.push((kind, path));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gives_its_pictures_and_sounds_in_order() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.PNG", "a.wav", "notes.txt", "sub/c.jpeg"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let paths = [folder.path().to_path_buf(), folder.path().join("notes.txt")];
        let records: Vec<_> = Inputs::mixed(&paths).unwrap().collect();
        assert_eq!(records.len(), 4);
        assert!(records[0].as_ref().unwrap().audio.as_ref().unwrap().ends_with("a.wav"));
        assert!(records[1].as_ref().unwrap().image.as_ref().unwrap().ends_with("b.PNG"));
        assert!(records[2].as_ref().unwrap().image.as_ref().unwrap().ends_with("sub/c.jpeg"));
        assert!(records[3].as_ref().unwrap_err().problem.contains("neither an image nor audio"));
    }

    #[test]
    fn an_empty_folder_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let records: Vec<_> = Inputs::mixed(&[folder.path().to_path_buf()]).unwrap().collect();
        assert!(records[0].as_ref().unwrap_err().problem.contains("holds no image or audio"));
    }
}
