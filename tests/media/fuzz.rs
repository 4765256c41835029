//! Damaged files of every format: an error or a result, never a panic, an endless loop or absurd memory.

use std::fs;
use std::io::Cursor;
use std::panic::catch_unwind;
use std::path::Path;

use edgefuse::media::audio::{AudioError, LiveReader};
use edgefuse::media::{audio, image};

use crate::fixture;

/// Damaged versions of each file.
const VERSIONS: u64 = 40;

/// The version of `burst_adpcm_ms.wav` that makes the decoder of Microsoft ADPCM overflow.
const ADPCM_OVERFLOW: u64 = 1016;

/// Xorshift, so that every run tries the same.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

/// Flips bits, overwrites runs, cuts and repeats; mostly near the beginning, where headers are.
fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(6) {
        let reach = if random.below(2) == 0 { bytes.len().min(128) } else { bytes.len() };
        let at = random.below(reach.max(1));
        match random.below(8) {
            0 => bytes.truncate(at.max(1)),
            1 => {
                let end = (at + random.below(16)).min(bytes.len());
                bytes[at..end].fill([0, 0xff, 0x7f, 0x80][random.below(4)]);
            }
            2 => {
                let end = (at + random.below(64)).min(bytes.len());
                let run = bytes[at..end].to_vec();
                bytes.splice(at..at, run);
            }
            _ => bytes[at] ^= 1 << random.below(8),
        }
    }
}

fn survive(name: &str, load: impl Fn(&Path) -> Option<String> + std::panic::RefUnwindSafe) {
    let original = fs::read(fixture(name)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    for seed in (1..=VERSIONS).chain([ADPCM_OVERFLOW]) {
        let mut bytes = original.clone();
        damage(&mut bytes, &mut Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        fs::write(&path, &bytes).unwrap();
        match catch_unwind(|| load(&path)) {
            Ok(Some(text)) => assert!(!text.contains('\n'), "{name}, seed {seed}: {text}"),
            Ok(None) => {}
            Err(_) => panic!("{name}, seed {seed}: panicked"),
        }
    }
}

#[test]
fn damaged_audio() {
    for name in [
        "burst.wav",
        "ffmpeg_f32.wav",
        "ffmpeg_5.1.wav",
        "sox_24.wav",
        "burst_alaw.wav",
        "burst_adpcm_ms.wav",
        "burst_adpcm_ima.wav",
        "burst.flac",
        "burst.mp3",
        "burst_cover.mp3",
        "burst.ogg",
        "burst_opus.ogg",
        "burst_opus.webm",
        "burst_opus.mp4",
        "burst.mkv",
        "burst.aiff",
        "burst.caf",
        "two_tracks.mkv",
        "burst.m4a",
        "burst_alac.m4a",
        "burst.aac",
    ] {
        survive(name, |path| audio::load(path, 16_000).err().map(|error| error.to_string()));
    }
}

#[test]
fn damaged_streams() {
    for name in [
        "burst.wav",
        "ffmpeg_f32.wav",
        "ffmpeg_5.1.wav",
        "sox_24.wav",
        "piped_ffmpeg.wav",
        "burst.mp3",
        "burst.flac",
        "burst_opus.webm",
    ] {
        survive(name, |path| {
            let whole = fs::read(path).unwrap();
            // With and without its beginning: a stream without a header is raw.
            [whole.clone(), whole[whole.len() / 2..].to_vec()].into_iter().find_map(|stream| {
                let most = 400 * (stream.len() + 1024);
                hear(stream, most).err().map(|error| error.to_string())
            })
        });
    }
}

/// Reads a stream to its end, which must come before `most` samples.
fn hear(stream: Vec<u8>, most: usize) -> Result<(), AudioError> {
    let mut reader = LiveReader::new(Cursor::new(stream), 16_000)?;
    let mut samples = Vec::new();
    while reader.read(&mut samples)? {
        assert!(samples.len() < most, "more samples than the bytes can hold");
        assert!(samples.iter().rev().take(100).all(|sample| sample.abs() <= 1.0));
    }
    Ok(())
}

#[test]
fn damaged_images() {
    let odd = ["format_cmyk.jpg", "mode_palette.png", "orientation_6.jpg"];
    for name in crate::image::FORMATS.iter().chain(&odd) {
        survive(name, |path| image::load(path).err().map(|error| error.to_string()));
    }
}
