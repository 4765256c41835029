//! The version of a result's input files, to notice later changes.

use std::fmt::Write;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::record::{Embedding, Record};

/// The state of a file: another size, time of change, owner or mode is another version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileVersion {
    bytes: u64,
    /// Nanoseconds since 1970.
    modified: i128,
    /// Mode and owner: a file that could not be read may be readable now.
    access: (u32, u32, u32),
}

impl FileVersion {
    /// `None` for a file that cannot be looked at.
    pub fn of(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|metadata| FileVersion::from(&metadata))
    }

    /// Nanoseconds since 1970.
    pub fn modified(&self) -> i128 {
        self.modified
    }

    /// Short text that differs from that of another version.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        self.add_to(&mut hash);
        hex(&hash.finalize()[..8])
    }

    fn add_to(&self, hash: &mut Sha256) {
        let FileVersion { bytes, modified, access: (mode, owner, group) } = self;
        hash.update(format!("{bytes} {modified} {mode} {owner} {group}\0"));
    }
}

impl From<&Metadata> for FileVersion {
    fn from(metadata: &Metadata) -> Self {
        let modified = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
        FileVersion { bytes: metadata.len(), modified, access: (metadata.mode(), metadata.uid(), metadata.gid()) }
    }
}

/// Short text for everything a record's result depends on besides steps and models: its values, and its files as they are
/// now.
pub(super) fn digest_of(record: &Record) -> String {
    let mut hash = Sha256::new();
    let file = |hash: &mut Sha256, key: &str, path: &Path| {
        hash.update(format!("{key} "));
        hash.update(path.as_os_str().as_encoded_bytes());
        hash.update("\0");
        match FileVersion::of(path) {
            Some(version) => version.add_to(hash),
            None => hash.update("missing\0"),
        }
    };
    let Record { id: _, image, audio, text, sensors, image_embedding, text_embedding } = record;
    image.iter().for_each(|path| file(&mut hash, "image", path));
    audio.iter().for_each(|path| file(&mut hash, "audio", path));
    for (key, embedding) in [("image_embedding", image_embedding), ("text_embedding", text_embedding)] {
        match embedding {
            Some(Embedding::File(path)) => file(&mut hash, key, path),
            Some(Embedding::Numbers(numbers)) => hash.update(format!("{key} {numbers:?}\0")),
            None => {}
        }
    }
    if let Some(text) = text {
        hash.update(format!("text {text}\0"));
    }
    if let Some(sensors) = sensors {
        hash.update(format!("sensors {sensors:?}\0"));
    }
    hex(&hash.finalize()[..8])
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn a_record_is_another_when_its_text_or_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        fs::write(&path, "one").unwrap();
        let record = |text: &str| Record { image: Some(path.clone()), text: Some(text.into()), ..Record::default() };
        let first = digest_of(&record("t"));
        assert_eq!(first, digest_of(&Record { id: Some("x".into()), ..record("t") }));
        assert_ne!(first, digest_of(&record("u")));
        // The same size, at another time.
        let file = fs::File::open(&path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
        assert_ne!(first, digest_of(&record("t")));
        fs::remove_file(&path).unwrap();
        assert_ne!(first, digest_of(&record("t")));
    }
}
