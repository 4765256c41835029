//! One file per recording in a folder, as with openai-whisper's `--output_dir`.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use edgefuse::whole_file::WholeFile;

use super::Stop;

/// Maximum length of file names in bytes: file systems allow 255, and the file has a longer name while it is written.
const LONGEST_NAME: usize = 200;

/// The files of one run.
pub(super) struct TranscriptFiles {
    folder: PathBuf,
    extension: &'static str,
    /// The recording of each used file name.
    taken: BTreeMap<OsString, String>,
}

impl TranscriptFiles {
    /// Creates the folder if it does not exist.
    ///
    /// # Errors
    /// One line: the folder cannot be created, or is not a folder.
    pub fn new(folder: &Path, extension: &'static str) -> Result<Self, String> {
        let made = std::fs::create_dir_all(folder);
        made.map_err(|error| format!("--output-dir {}: {error}", folder.display()))?;
        Ok(TranscriptFiles { folder: folder.to_path_buf(), extension, taken: BTreeMap::new() })
    }

    /// Writes the transcript of `recording`; a file of an earlier run is replaced. A name that another recording of
    /// this run has used gets a number.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&mut self, recording: &str, text: &str) -> Result<(), Stop> {
        let path = Path::new(recording);
        let name = self.name(path.file_stem().unwrap_or(OsStr::new("transcript")));
        let target = self.folder.join(&name);
        if let (Ok(input), Ok(output)) = (path.canonicalize(), target.canonicalize())
            && input == output
        {
            return Err(Stop::Usage(format!("{}: is the recording, which would be overwritten", target.display())));
        }
        self.taken.insert(name, recording.to_string());
        Ok(WholeFile::write(&target, text.as_bytes())?)
    }

    /// The first of `STEM.EXT`, `STEM-2.EXT`, ... that is free.
    fn name(&self, stem: &OsStr) -> OsString {
        let stem = shortened(stem);
        let mut number = 1;
        loop {
            let mut name = stem.clone();
            if number > 1 {
                name.push(format!("-{number}"));
            }
            name.push(format!(".{}", self.extension));
            match self.taken.get(&name) {
                Some(other) if number == 1 => {
                    let folder = self.folder.display();
                    log::warn!(
                        "{folder}/{}: already has the transcript of {other}; this one gets a number",
                        name.display()
                    );
                }
                Some(_) => {}
                None => return name,
            }
            number += 1;
        }
    }
}

fn shortened(stem: &OsStr) -> OsString {
    if stem.len() <= LONGEST_NAME {
        return stem.to_os_string();
    }
    let text = stem.to_string_lossy();
    let end = (0..=LONGEST_NAME).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    OsString::from(&text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recording_has_a_file_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let into = folder.path().join("made/here");
        let mut files = TranscriptFiles::new(&into, "srt").unwrap();
        let long = "x".repeat(300);
        for (recording, text) in [("a/x.wav", "1"), ("b/x.wav", "2"), ("x.mp3", "3"), ("x-2.wav", "4"), (&long, "5")] {
            files.write(recording, text).unwrap();
        }
        let read = |name: &str| std::fs::read_to_string(into.join(name)).unwrap();
        assert_eq!(["x.srt", "x-2.srt", "x-3.srt", "x-2-2.srt"].map(read), ["1", "2", "3", "4"]);
        assert_eq!(read(&format!("{}.srt", "x".repeat(200))), "5");
        assert_eq!(std::fs::read_dir(&into).unwrap().count(), 5);
        // Another run replaces them.
        TranscriptFiles::new(&into, "srt").unwrap().write("c/x.wav", "new").unwrap();
        assert_eq!(read("x.srt"), "new");
        assert!(TranscriptFiles::new(&into.join("x.srt"), "srt").is_err());
        // Never over the recording itself.
        let recording = into.join("x.srt").display().to_string();
        assert!(TranscriptFiles::new(&into, "srt").unwrap().write(&recording, "").is_err());
    }
}
