//! Recordings joined in one file, and containers whose declared lengths are wrong.

use std::fs;
use std::io::Cursor;

use edgefuse::media::audio::LiveReader;

use crate::audio::{hear, pcm16, seconds, wav};
use crate::fixture;

fn content(name: &str) -> Vec<u8> {
    fs::read(fixture(name)).unwrap()
}

/// Each file lasts 0.5 s and has a tone at 0.2 s.
#[test]
fn recordings_in_containers_are_read_one_after_the_other() {
    for names in [
        ["burst_opus.webm", "burst_opus.webm", "burst_opus.webm"],
        ["burst.mkv", "burst.mkv", "burst.mkv"],
        ["burst.m4a", "burst.m4a", "burst.m4a"],
        ["burst_faststart.m4a", "burst_alac.m4a", "burst_opus.mp4"],
        ["burst_fragmented.m4a", "burst_fragmented.m4a", "burst.m4a"],
        ["burst_faststart.m4a", "burst_faststart.m4a", "burst_fragmented.m4a"],
        ["burst_adpcm_ms.wav", "burst_faststart.m4a", "burst_opus.webm"],
        ["burst.aiff", "burst.aiff", "burst.aiff"],
        ["burst.caf", "burst.caf", "burst.caf"],
        ["burst_adpcm_ima.wav", "burst_adpcm_ms.wav", "burst_adpcm_ima.wav"],
        ["burst.wav", "burst_adpcm_ms.wav", "burst.wav"],
        ["burst.wav", "burst.wav", "burst.flac"],
        ["burst.caf", "burst_opus.webm", "burst.ogg"],
    ] {
        let alone: usize = names.iter().map(|name| hear(&content(name)).0.len()).sum();
        let (samples, warnings) = hear(&names.map(content).concat());
        assert_eq!(warnings, Vec::<String>::new(), "{names:?}");
        assert!(samples.len().abs_diff(alone) <= 2, "{names:?}: {} samples, not {alone}", samples.len());
        // From a stream, where lengths are known and indices come first.
        let is_stream = !names.iter().any(|name| ["burst.m4a", "burst_alac.m4a", "burst.caf"].contains(name));
        if is_stream && names[0] != "burst.wav" {
            let (heard, warnings) = live(&names.map(content).concat());
            assert_eq!(warnings, Vec::<String>::new(), "{names:?}");
            assert!(heard.len().abs_diff(alone) <= 400, "{names:?}: {} samples, not {alone}", heard.len());
        }
        for third in samples.chunks(samples.len().div_ceil(3)) {
            let loud = third.iter().filter(|sample| sample.abs() > 0.2).count();
            assert!(loud > 500, "{names:?}: {loud} samples are loud");
        }
    }
}

#[test]
fn a_recording_that_follows_and_cannot_be_read_is_named() {
    for first in ["burst.wav", "burst_adpcm_ms.wav", "burst.m4a", "burst.caf"] {
        let (samples, warnings) = hear(&[content(first), content("burst_gsm.wav")].concat());
        assert_eq!(samples.len(), hear(&content(first)).0.len(), "{first}");
        let expected = "another recording follows after 0.5 s (GSM 6.10 in a wav file), which is left out";
        assert_eq!(warnings, [expected], "{first}");
    }
    // The one after it is read.
    let (samples, _) = hear(&[content("burst.wav"), content("burst_gsm.wav"), content("burst.wav")].concat());
    assert_eq!(samples.len(), 16_000);
    // From a stream, what comes before.
    let (_, warnings) = live(&[content("burst.wav"), content("burst_gsm.wav")].concat());
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].starts_with("another recording follows after 0.5 s (GSM 6.10"), "{warnings:?}");
}

#[test]
fn a_recording_that_follows_in_a_stream_and_needs_its_end_is_named() {
    let (_, warnings) = live(&[content("burst_faststart.m4a"), content("burst.m4a")].concat());
    let expected =
        "another recording follows after 0.5 s (MP4 with its index at the end), which cannot be read from a stream";
    assert_eq!(warnings, [expected]);
}

/// The samples of a file that is cut off after two thirds, and what is said about it.
fn two_thirds(name: &str) -> (usize, Vec<String>) {
    let whole = content(name);
    let (samples, warnings) = hear(&whole[..whole.len() * 2 / 3]);
    assert!(samples.iter().any(|sample| sample.abs() > 0.2), "{name}");
    (samples.len(), warnings)
}

#[test]
fn aiff_and_caf_that_are_cut_off_are_read_up_to_there() {
    // 16,000 bytes of samples in each.
    let (aiff, caf) = (content("burst.aiff").len(), content("burst.caf").len());
    for (name, len, header) in [("burst.aiff", aiff, aiff - 16_000), ("burst.caf", caf, caf - 16_000)] {
        let left = len * 2 / 3 - header;
        let (samples, warnings) = two_thirds(name);
        assert_eq!(samples, left / 2, "{name}");
        assert_eq!(warnings.len(), 1, "{name}: {warnings:?}");
        let text = &warnings[0];
        assert!(text.starts_with("it is cut off: it has ") && text.contains(" of 16000 bytes"), "{name}: {text}");
    }
}

/// Where the length of a chunk is.
fn length_of(content: &[u8], kind: &[u8; 4]) -> usize {
    content.windows(4).position(|four| four == kind).unwrap() + 4
}

#[test]
fn lengths_that_a_recorder_could_not_fill_in_mean_until_the_end() {
    let mut caf = content("burst.caf");
    let whole = hear(&caf);
    let at = length_of(&caf, b"data");
    caf[at..at + 8].fill(0xff);
    assert_eq!(hear(&caf), whole);

    let plain = content("burst.aiff");
    let whole = hear(&plain);
    for kinds in [&[b"SSND", b"FORM"][..], &[b"FORM"], &[b"SSND"]] {
        for value in [0, 0xff] {
            let mut aiff = plain.clone();
            for kind in kinds {
                let at = length_of(&aiff, kind);
                aiff[at..at + 4].fill(value);
            }
            assert_eq!(hear(&aiff), whole, "{kinds:?}, {value}");
        }
    }
}

fn live(content: &[u8]) -> (Vec<f32>, Vec<String>) {
    let mut reader = LiveReader::new(Cursor::new(content.to_vec()), 16_000).unwrap();
    let mut samples = Vec::new();
    while reader.read(&mut samples).unwrap() {}
    (samples, reader.warnings().to_vec())
}

/// A Matroska file whose segment and clusters have unknown lengths.
fn endless(plain: &[u8]) -> Vec<u8> {
    let mut changed = plain.to_vec();
    for id in [&b"\x18\x53\x80\x67\x01"[..], b"\x1f\x43\xb6\x75\x01"] {
        while let Some(at) = changed.windows(id.len() + 1).position(|found| found.starts_with(id) && found[5] != 0xff) {
            changed[at + 5..at + 12].fill(0xff);
        }
    }
    changed
}

#[test]
fn a_webm_stream_is_whole_or_cut_off() {
    for name in ["burst_opus.webm", "burst.mkv"] {
        let plain = content(name);
        let (samples, _) = hear(&plain);
        for whole in [plain.clone(), endless(&plain)] {
            assert_eq!(live(&whole), (samples.clone(), Vec::new()), "{name}");
            let (both, warnings) = live(&whole.repeat(2));
            assert!(both.len().abs_diff(2 * samples.len()) <= 2 && warnings.is_empty(), "{name}: {warnings:?}");
            let (both, warnings) = hear(&whole.repeat(2));
            assert!(both.len().abs_diff(2 * samples.len()) <= 2 && warnings.is_empty(), "{name}: {warnings:?}");
        }
        let (_, warnings) = live(&plain[..plain.len() * 2 / 3]);
        assert!(warnings.iter().any(|line| line.starts_with("it is cut off after 0.")), "{name}: {warnings:?}");
    }
}

#[test]
fn a_big_endian_wav_file_is_the_little_endian_one() {
    let big = |tag: u16, bits: u16, data: &[u8]| {
        let little = wav(tag, 2, 16_000, bits, data);
        let mut big = b"RIFX".to_vec();
        let mut at = 4;
        for len in [4, 0, 0, 4, 2, 2, 4, 4, 2, 2, 0, 4] {
            if len == 0 {
                big.extend(&little[at..at + 4]);
                at += 4;
            } else {
                big.extend(little[at..at + len].iter().rev());
                at += len;
            }
        }
        for sample in data.chunks(usize::from(bits / 8)) {
            big.extend(sample.iter().rev());
        }
        (little, big)
    };
    let numbers = pcm16(&[1, -2, 300, i16::MIN, 0x1234, -5, 6, 7, 80, 90, 100, 110]);
    for (tag, bits) in [(1, 8), (1, 16), (1, 24), (1, 32), (7, 8)] {
        let (little, big) = big(tag, bits, &numbers);
        assert_eq!(hear(&big), hear(&little), "{tag}, {bits} bits");
        assert_eq!(live(&big), hear(&little), "{tag}, {bits} bits");
        // Joined, in either order.
        assert_eq!(hear(&[&big[..], &little].concat()).0, hear(&little.repeat(2)[..]).0);
        assert_eq!(hear(&[&little[..], &big].concat()).0, hear(&[&little[..], &little].concat()).0);
    }
    let floats = [0.5f32, -0.25, 0.125, 1.0].map(f32::to_le_bytes).concat();
    let (little, big) = big(3, 32, &floats);
    assert_eq!(hear(&big), hear(&little));
    assert_eq!(seconds(&hear(&big).0), 2.0 / 16_000.0);
}

#[test]
fn bw64_is_rf64() {
    let mut content = wav(1, 1, 16_000, 16, &pcm16(&[1000; 800]));
    content[..4].copy_from_slice(b"BW64");
    assert_eq!(hear(&content), (vec![1000.0 / 32768.0; 800], Vec::new()));
}
