//! Pauses that a recording has only in its timestamps.

use std::fs;
use std::io::Cursor;

use edgefuse::media::audio::LiveReader;

use crate::audio::{hear, onset, seconds};
use crate::fixture;

/// The bytes of each block's time in a WebM file of short blocks of track 1 (RFC 9559, 10.1).
fn block_times(content: &[u8]) -> Vec<usize> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at + 6 < content.len() {
        // SimpleBlock; its length in one byte or two; the track.
        let length = match content[at + 1] {
            byte @ 0x80.. => (2, usize::from(byte & 0x7f)),
            byte => (3, usize::from(byte & 0x3f) << 8 | usize::from(content[at + 2])),
        };
        if content[at] == 0xa3 && content.get(at + length.0) == Some(&0x81) {
            found.push(at + length.0 + 1);
            at += length.0 + length.1;
        } else {
            at += 1;
        }
    }
    found
}

/// `content` with all blocks from `from` ms on later by `by` ms.
fn later(content: &[u8], from: i16, by: i16) -> Vec<u8> {
    let times = block_times(content);
    let time_at = |at: usize| i16::from_be_bytes([content[at], content[at + 1]]);
    // 20 ms apart: these bytes are times.
    assert!(
        times.len() > 20 && times.windows(2).all(|pair| (19..=21).contains(&(time_at(pair[1]) - time_at(pair[0]))))
    );
    let mut changed = content.to_vec();
    for at in times {
        let time = time_at(at);
        if time >= from {
            changed[at..at + 2].copy_from_slice(&(time + by).to_be_bytes());
        }
    }
    changed
}

#[test]
fn packets_that_a_webm_encoder_left_out_are_silence() {
    let plain = fs::read(fixture("burst_opus.webm")).unwrap();
    let (whole, warnings) = hear(&plain);
    assert_eq!(warnings, Vec::<String>::new());
    let (samples, warnings) = hear(&later(&plain, 120, 400));
    assert_eq!(warnings, ["packets are missing; 0.4 s of silence were put in their place"]);
    assert!((seconds(&samples) - seconds(&whole) - 0.4).abs() < 0.002, "{} s", seconds(&samples));
    assert!((onset(&samples) - onset(&whole) - 0.4).abs() < 0.002, "{} s", onset(&samples));
    // From a stream, too.
    let mut reader = LiveReader::new(Cursor::new(later(&plain, 120, 400)), 16_000).unwrap();
    let mut live = Vec::new();
    while reader.read(&mut live).unwrap() {}
    assert!(live == samples, "{} of {} samples", live.len(), samples.len());
    // The jitter of a clock is none, and neither is a recording that begins late.
    for changed in [later(&plain, 120, 80), later(&plain, i16::MIN, 900)] {
        assert_eq!(hear(&changed), (whole.clone(), Vec::new()));
    }
}

#[test]
fn timestamps_that_jump_far_are_ignored_and_said() {
    let plain = fs::read(fixture("burst_opus.webm")).unwrap();
    let (samples, warnings) = hear(&later(&plain, 120, 32_000));
    assert_eq!(samples.len(), hear(&plain).0.len());
    assert!(warnings.iter().any(|line| line.starts_with("its timestamps jump 1 times, by 32.0 s")), "{warnings:?}");
}
