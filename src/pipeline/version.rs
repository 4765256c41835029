//! The version of a result's input files, to notice later changes.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::media::{Picture, Sound};
use super::record::{Embedding, Record};
use crate::support::hex::hex;

/// The version of a file, identified by size, modification time, owner and mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileVersion {
    bytes: u64,
    /// Nanoseconds since 1970.
    modified: i128,
    /// Mode and owner: a file that could not be read may be readable now.
    access: (u32, u32, u32),
}

impl FileVersion {
    /// `None` if the metadata cannot be read.
    pub fn of(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|metadata| FileVersion::from(&metadata))
    }

    /// Nanoseconds since 1970.
    pub fn modified(&self) -> i128 {
        self.modified
    }

    /// Short digest of the version.
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

/// Version of a record's entry in an index: it changes with the record's files and values, and with the settings.
pub fn version_of(record: &Record, settings: &str) -> String {
    format!("{} {settings}", digest_of(record))
}

/// Short digest of everything a record's result depends on besides steps and models: its values, and the current
/// versions of its files.
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
    let content = |hash: &mut Sha256, key: &str, bytes: &[u8]| {
        hash.update(format!("{key} in memory {} ", bytes.len()));
        hash.update(bytes);
    };
    let Record {
        id: _,
        image,
        audio,
        text,
        sensors,
        image_embedding,
        text_embedding,
        audio_embedding,
        position,
        origin: _,
    } = record;
    match image {
        Some(Picture::File(path)) => file(&mut hash, "image", path),
        Some(Picture::Bytes(bytes)) => content(&mut hash, "image", bytes.as_slice()),
        Some(Picture::Pixels(image)) => {
            hash.update(format!("{} x {} ", image.width(), image.height()));
            content(&mut hash, "image", image);
        }
        None => {}
    }
    match audio {
        Some(Sound::File(path)) => file(&mut hash, "audio", path),
        Some(Sound::Bytes(bytes)) => content(&mut hash, "audio", bytes.as_slice()),
        Some(Sound::Samples(samples)) => hash.update(format!("audio {}\0", samples.digest())),
        None => {}
    }
    let embeddings = [
        ("image_embedding", image_embedding),
        ("text_embedding", text_embedding),
        ("audio_embedding", audio_embedding),
    ];
    for (key, embedding) in embeddings {
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
    if let Some(position) = position {
        hash.update(format!("position {position}\0"));
    }
    hex(&hash.finalize()[..8])
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
        let record = |text: &str| Record::default().with_image(path.clone()).with_text(text);
        let first = digest_of(&record("t"));
        assert_eq!(first, digest_of(&record("t").with_id("x")));
        assert_ne!(first, digest_of(&record("u")));
        // The same size, at another time.
        let file = fs::File::open(&path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
        assert_ne!(first, digest_of(&record("t")));
        fs::remove_file(&path).unwrap();
        assert_ne!(first, digest_of(&record("t")));
    }
}
