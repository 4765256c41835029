//! Errors and warnings are about the file, never about the libraries that read it.

use std::fs;
use std::path::{Path, PathBuf};

use edgefuse::config::Ffmpeg;
use edgefuse::media::audio::AudioFile;

use crate::{data, fixture};

/// Names of libraries and parts of them, and what Rust's errors look like.
const NOT_FOR_USERS: [&str; 17] = [
    "symphonia",
    "hound",
    "rubato",
    "opus_",
    "isomp4",
    "mkv:",
    "ebml",
    "riff:",
    "mp4:",
    "ogg:",
    "mpa:",
    "i/o error",
    "io error",
    "os error",
    "unwrap",
    "::",
    "failed to fill",
];

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files_below(&path, found) } else { found.push(path) }
    }
}

#[test]
fn what_is_said_about_bad_sound_names_no_library() {
    let mut files = Vec::new();
    let tests = data("..");
    for kind in ["aac", "aiff", "caf", "flac", "m4a", "matroska", "mp3", "ogg", "opus", "wav"] {
        files_below(&tests.join("fuzz/corpus").join(kind), &mut files);
    }
    files_below(&data("bad"), &mut files);
    let names = [
        "burst.aac",
        "burst.aiff",
        "burst.caf",
        "burst.flac",
        "burst.m4a",
        "burst.mkv",
        "burst.mp3",
        "burst.ogg",
        "burst_opus.webm",
        "burst_opus.ogg",
        "burst_faststart.m4a",
        "burst_alac.m4a",
        "burst_adpcm_ms.wav",
        "burst_gsm.wav",
        "burst_speex.ogg",
    ];
    let folder = tempfile::tempdir().unwrap();
    let mut random = fastrand::Rng::with_seed(12);
    for name in names {
        let whole = fs::read(fixture(name)).unwrap();
        for round in 0..40 {
            let mut bytes = whole.clone();
            if round % 2 == 0 {
                bytes.truncate(random.usize(1..bytes.len()));
            }
            for _ in 0..random.usize(0..12) {
                // Headers matter most.
                let reach = if random.bool() { bytes.len() } else { bytes.len().min(400) };
                let at = random.usize(0..reach);
                bytes[at] = random.u8(..);
            }
            let path = folder.path().join(format!("{round}-{name}"));
            fs::write(&path, bytes).unwrap();
            files.push(path);
        }
    }
    assert!(files.len() > 600, "{}", files.len());
    let mut errors = 0;
    for path in files {
        let mut said = Vec::new();
        if let Err(error) = AudioFile::new(&path).with_ffmpeg(Ffmpeg::Never).load(16_000, &mut said) {
            said.push(error.to_string());
            errors += 1;
        }
        for line in said {
            let lower = line.to_lowercase();
            assert!(!line.contains('\n') && line.len() < 200, "{}: {line}", path.display());
            let named = NOT_FOR_USERS.iter().find(|name| lower.contains(*name));
            assert!(named.is_none(), "{}: {line}", path.display());
            // No codec is named by its number.
            assert!(!line.contains("0x"), "{}: {line}", path.display());
        }
    }
    assert!(errors > 100, "{errors}");
}
