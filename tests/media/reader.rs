//! Audio files block by block.

use std::fs;
use std::path::Path;

use edgefuse::media::audio::{AudioReader, Samples, SliceReader, load};

use crate::audio::{pcm16, wav};
use crate::fixture;

const RATE: u32 = 16_000;

/// Limit for blocks at 16 kHz: the longest are those of a resampler for rates without a common divisor.
const BLOCK: usize = 65_536;

/// All samples, and the length of the longest block.
fn read_all(reader: &mut impl Samples) -> (Vec<f32>, usize) {
    let (mut samples, mut longest) = (Vec::new(), 0);
    loop {
        let before = samples.len();
        if !reader.read(&mut samples).unwrap() {
            assert_eq!(samples.len(), before);
            assert!(!reader.read(&mut samples).unwrap(), "the end is not the end");
            return (samples, longest);
        }
        assert!(samples.len() > before, "a block without samples");
        longest = longest.max(samples.len() - before);
    }
}

fn open(content: &[u8], path: &Path) -> AudioReader {
    fs::write(path, content).unwrap();
    AudioReader::open(path, RATE).unwrap()
}

#[test]
fn blocks_are_bounded_and_make_the_whole() {
    for name in ["burst.wav", "burst.flac", "burst.mp3", "burst.ogg", "burst.m4a", "burst_alaw.wav", "ffmpeg_5.1.wav"] {
        let mut reader = AudioReader::open(&fixture(name), RATE).unwrap();
        assert_eq!(reader.sample_rate(), RATE);
        let (samples, longest) = read_all(&mut reader);
        assert!(longest < BLOCK, "{name}: a block of {longest}");
        assert_eq!(samples, load(&fixture(name), RATE).unwrap(), "{name}");
    }
    // Long enough for many blocks, at rates that share few factors with 16 kHz.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.wav");
    for (rate, channels) in [(16_000, 1), (44_100, 2), (12_347, 1), (1_000, 1), (384_000, 6)] {
        let noise: Vec<i16> = (0..600_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 16) as i16).collect();
        let (samples, longest) = read_all(&mut open(&wav(1, channels, rate, 16, &pcm16(&noise)), &path));
        let frames = 600_000 / u64::from(channels);
        let expected = (frames * 16_000 + u64::from(rate) / 2) / u64::from(rate);
        assert_eq!(samples.len() as u64, expected, "{rate} Hz");
        assert!(longest < 16 * BLOCK, "{rate} Hz: a block of {longest}");
        assert!(samples.iter().all(|sample| sample.abs() <= 1.0));
    }
}

#[test]
fn a_file_can_be_read_twice() {
    let name = fixture("burst_22050.mp3");
    let (once, _) = read_all(&mut AudioReader::open(&name, RATE).unwrap());
    let (again, _) = read_all(&mut AudioReader::open(&name, RATE).unwrap());
    assert_eq!(once, again);
}

#[test]
fn warnings_are_reported_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odd.wav");
    let loud = [f32::NAN, 3.0, f32::INFINITY].map(f32::to_le_bytes).concat();
    let whole = wav(3, 1, RATE, 32, &loud);
    let mut reader = open(&whole[..whole.len() - 1], &path);
    read_all(&mut reader);
    assert_eq!(
        reader.warnings(),
        [
            "the file is cut off: it has 11 of 12 bytes of samples, which are used",
            "1 samples are not finite numbers and count as 0",
            "samples reach 3.0 times full scale and are clipped"
        ]
    );
    let mut reader = open(&wav(1, 1, RATE, 16, &pcm16(&[1, 2])), &path);
    read_all(&mut reader);
    assert!(reader.warnings().is_empty());
}

#[test]
fn no_samples_is_an_error_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = open(&wav(1, 1, RATE, 16, &[]), &folder.path().join("none.wav"));
    let mut samples = Vec::new();
    assert_eq!(reader.read(&mut samples).unwrap_err().to_string(), "has no samples");
    assert!(!reader.read(&mut samples).unwrap());
}

#[test]
fn a_slice_is_a_source() {
    let ramp: Vec<f32> = (0..100_000).map(|n| n as f32 / 100_000.0).collect();
    let (samples, longest) = read_all(&mut SliceReader::new(&ramp, RATE));
    assert_eq!(samples, ramp);
    assert!(longest < BLOCK);
}
