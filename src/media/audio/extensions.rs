//! File name extensions of sound files, for scanning folders. The format itself is determined by the content.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::synced::{self, TRANSPORT_LEN};

/// Extensions of audio files and videos, in lower case. Those in the last two lines are
/// read through ffmpeg.
pub const EXTENSIONS: &[&str] = &[
    "wav", "wave", "mp3", "mp2", "flac", "ogg", "oga", "opus", "ogx", "m4a", "m4b", "aac", "adts", "aif", "aiff",
    "aifc", "caf", "mka", "weba", "mp4", "m4v", "mov", "3gp", "3g2", "mkv", "webm", "ogv", "ogm", "spx", "wma", "amr",
    "au", "snd", "ac3", "eac3", "dts", "w64", "wv", "ape", "tta", "tak", "mpc", "ra", "rm", "voc", "wmv", "asf", "avi",
    "flv", "mpg", "mpeg", "ts", "mts", "m2ts", "vob", "mxf",
];

/// Extensions that source code has too (TypeScript).
const ALSO_TEXT: &[&str] = &["ts", "mts"];

/// Whether the file at `path` is named like a recording. If source code has the same extension, the content decides.
pub fn is_recording(path: &Path) -> bool {
    let Some(extension) = path.extension().and_then(|extension| extension.to_str()) else { return false };
    let extension = extension.to_ascii_lowercase();
    EXTENSIONS.contains(&extension.as_str())
        && !(ALSO_TEXT.contains(&extension.as_str()) && path.is_file() && !is_transport_stream(path))
}

fn is_transport_stream(path: &Path) -> bool {
    let mut beginning = Vec::new();
    let read = File::open(path).and_then(|file| file.take(TRANSPORT_LEN as u64).read_to_end(&mut beginning));
    read.is_ok() && synced::is_transport_stream(&beginning)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn source_code_is_not_a_recording() {
        let folder = tempfile::tempdir().unwrap();
        let mut film = [0; 400];
        [0, 188, 376].into_iter().for_each(|at| film[at] = 0x47);
        let mut camera = [0; 400];
        [4, 196, 388].into_iter().for_each(|at| camera[at] = 0x47);
        for (name, content, expected) in [
            ("film.ts", &film[..], true),
            ("camera.MTS", &camera, true),
            ("server.ts", b"GET = 1".as_slice(), false),
            ("index.mts", b"", false),
            ("short.wav", b"", true),
            ("notes.txt", &film, false),
        ] {
            let path = folder.path().join(name);
            fs::write(&path, content).unwrap();
            assert_eq!(is_recording(&path), expected, "{name}");
        }
        // A missing file counts as a recording, so that the error is about the recording.
        assert!(is_recording(&folder.path().join("none.ts")));
    }
}
