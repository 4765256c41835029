//! Sound that headers do not declare, and data between concatenated files.

use std::fs;

use crate::audio::{hear, onset, pcm16, seconds, wav};
use crate::fixture;

/// This many samples of one value.
fn level(value: i16, count: usize) -> Vec<u8> {
    pcm16(&vec![value; count])
}

/// A recording of 1000, then one of 2000 samples, each of one value.
#[track_caller]
fn expect_both(content: &[u8], expected_warnings: &[&str]) {
    let (samples, warnings) = hear(content);
    assert_eq!(warnings, expected_warnings);
    let expected = [[100.0 / 32768.0; 1000].as_slice(), &[200.0 / 32768.0; 2000]].concat();
    assert_eq!(samples, expected, "{} samples", samples.len());
}

#[test]
fn concatenated_wav_files_are_read_completely() {
    let first = wav(1, 1, 16_000, 16, &level(100, 1000));
    let both_sides = [200i16; 4000];
    expect_both(&[first.clone(), wav(1, 2, 16_000, 16, &pcm16(&both_sides))].concat(), &[]);
    // With tags between them.
    let second = wav(1, 1, 16_000, 16, &level(200, 2000));
    expect_both(&[first.clone(), b"LIST\x04\0\0\0INFO".to_vec(), second.clone()].concat(), &[]);
    // Another chunk of samples.
    expect_both(&[first.clone(), second[36..].to_vec()].concat(), &[]);
    // At another rate: resampled.
    let slow = wav(1, 1, 8_000, 16, &level(200, 1000));
    assert_eq!(hear(&[first.clone(), slow].concat()).0.len(), 3000);
    // The second one is invalid.
    let (samples, warnings) = hear(&[first, b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec(), vec![0; 4000]].concat());
    assert_eq!(samples.len(), 1000);
    assert_eq!(warnings, ["a second recording after 0.1 s is damaged: the part before is used"]);
}

#[test]
fn samples_beyond_the_declared_length_of_a_wav_file_are_used() {
    let expected = ["its header declares 0.1 s, but more sound follows, which is used too"];
    let mut content = wav(1, 1, 16_000, 16, &[level(100, 1000), level(200, 2000)].concat());
    content[40..44].copy_from_slice(&2000u32.to_le_bytes());
    expect_both(&content, &expected);
    // Also in the middle of a frame.
    content[40..44].copy_from_slice(&2001u32.to_le_bytes());
    expect_both(&content, &expected);
    // Tags and padding are not sound.
    for rest in [&b"TAG\0title"[..], &[0; 512], b"LIST\x04\0\0\0INFO\0\0", b"id3 \x05\0\0\0abcde"] {
        let (samples, warnings) = hear(&[&wav(1, 1, 16_000, 16, &level(100, 1000)), rest].concat());
        assert_eq!((samples.len(), warnings), (1000, Vec::new()), "{rest:?}");
    }
}

/// Bytes that look like the beginnings of mp3 frames.
fn like_frames() -> Vec<u8> {
    b"\xff\xfb\x90\x64abc".repeat(300)
}

#[test]
fn tags_between_joined_mp3_files_are_passed_over() {
    let file = fs::read(fixture("burst.mp3")).unwrap();
    let with_cover = fs::read(fixture("burst_cover.mp3")).unwrap();
    let mut title = b"TAGtitle".to_vec();
    title.resize(128, 0);
    let item = [&(like_frames().len() as u32).to_le_bytes()[..], &[0; 4], b"Cover\0", &like_frames()].concat();
    let frame = |flags: u32| {
        let fields = [2000, item.len() as u32 + 32, 1, flags].map(u32::to_le_bytes).concat();
        [&b"APETAGEX"[..], &fields, &[0; 8]].concat()
    };
    let ape = [frame(0xa000_0000), item.clone(), frame(0x8000_0000)].concat();
    let alone = seconds(&hear(&file).0);
    for (name, between) in
        [("nothing", &[][..]), ("ID3v1", &title), ("APE", &ape), ("both", &[&ape[..], &title].concat())]
    {
        for second in [&file, &with_cover] {
            let (samples, _) = hear(&[&file, between, second].concat());
            let found = seconds(&samples) - 2.0 * alone;
            assert!((-0.06..0.2).contains(&found), "{name}: {found} s more than both files");
            // The tone of each lasts 0.1 s.
            let loud = samples.iter().filter(|sample| sample.abs() > 0.1).count();
            assert!((2400..3400).contains(&loud), "{name}: {loud} samples are loud");
        }
    }
}

/// Offset of the content of a box.
fn box_content(bytes: &[u8], kind: &[u8; 4]) -> usize {
    bytes.windows(4).position(|four| four == kind).unwrap() + 4
}

#[test]
fn mp4_sound_begins_where_its_edit_list_says() {
    let plain = fs::read(fixture("burst.m4a")).unwrap();
    // Version and flags, the number of edits; then its length and its start in the track.
    let start = box_content(&plain, b"elst") + 12;
    let timescale = {
        let at = box_content(&plain, b"mdhd") + 12;
        f64::from(u32::from_be_bytes(plain[at..at + 4].try_into().unwrap()))
    };
    let priming = f64::from(u32::from_be_bytes(plain[start..start + 4].try_into().unwrap())) / timescale;
    assert!(priming > 0.01);
    let (whole, warnings) = hear(&plain);
    assert_eq!(warnings, Vec::<String>::new());
    assert!((onset(&whole) - 0.2).abs() < 0.005, "{}", onset(&whole));
    for (later, expected) in [(0.1, 0), (0.25, 1)] {
        let mut cut = plain.clone();
        let at = ((priming + later) * timescale).round() as u32;
        cut[start..start + 4].copy_from_slice(&at.to_be_bytes());
        let (samples, warnings) = hear(&cut);
        assert!((seconds(&whole) - seconds(&samples) - later).abs() < 0.001, "{later}: {} s", seconds(&samples));
        assert_eq!(warnings.len(), expected, "{warnings:?}");
        assert!(warnings.iter().all(|line| line.starts_with("its edit list skips the first 0.")), "{warnings:?}");
    }
    // An edit after the end is ignored: nothing is skipped.
    let mut beyond = plain;
    beyond[start..start + 4].copy_from_slice(&0x7fff_ffffu32.to_be_bytes());
    let more = seconds(&hear(&beyond).0) - seconds(&whole);
    assert!((more - priming).abs() < 0.001, "{more} s");
}

/// `plain`, whose index comes last, with another edit list: pairs of length, in the movie's units, and start, in the
/// track's.
fn with_edits(plain: &[u8], version: u8, edits: &[(u32, i32)]) -> Vec<u8> {
    let list_start = box_content(plain, b"elst");
    let size_at = |content: usize| content - 8..content - 4;
    let size = |content: usize| u32::from_be_bytes(plain[size_at(content)].try_into().unwrap());
    let list_end = list_start - 8 + size(list_start) as usize;
    let mut list = vec![version, 0, 0, 0];
    list.extend((edits.len() as u32).to_be_bytes());
    for &(length, start) in edits {
        if version == 1 {
            list.extend(u64::from(length).to_be_bytes());
            list.extend(i64::from(start).to_be_bytes());
        } else {
            list.extend(length.to_be_bytes());
            list.extend(start.to_be_bytes());
        }
        // At the usual speed.
        list.extend([0, 1, 0, 0]);
    }
    let mut content = plain.to_vec();
    for kind in [b"moov", b"trak", b"edts", b"elst"] {
        let at = box_content(plain, kind);
        let grown = size(at) + list.len() as u32 - (list_end - list_start) as u32;
        content[size_at(at)].copy_from_slice(&grown.to_be_bytes());
    }
    content.splice(list_start..list_end, list);
    content
}

#[test]
fn an_edit_list_of_several_pieces_leaves_out_what_comes_before_the_earliest() {
    let plain = fs::read(fixture("burst.m4a")).unwrap();
    let (whole, _) = hear(&plain);
    let at = box_content(&plain, b"elst") + 12;
    let priming = i32::from_be_bytes(plain[at..at + 4].try_into().unwrap());
    let expected = ["its edit list plays 2 pieces of it: all of its sound is used, in the order of the file"];
    // The pause before and between: lengths are in 1/1000 s, starts in 1/44,100 s.
    let (pause, first, second) = ((300, -1), (250, priming), (250, priming + 11_025));
    for version in [0, 1] {
        for edits in [&[first, second][..], &[pause, first, pause, second], &[pause, second, first]] {
            let (samples, warnings) = hear(&with_edits(&plain, version, edits));
            assert_eq!(warnings, expected, "version {version}, {edits:?}");
            assert!(samples == whole, "version {version}, {edits:?}: {} of {} samples", samples.len(), whole.len());
        }
        // One piece after a pause is nothing special.
        let (samples, warnings) = hear(&with_edits(&plain, version, &[pause, first]));
        assert_eq!((samples, warnings), (whole.clone(), Vec::new()));
        // A gap between the pieces is heard; what comes before both is not, which is said.
        let later = (100, priming + 11_025);
        let (samples, warnings) = hear(&with_edits(&plain, version, &[(100, priming + 17_640), later]));
        assert!((seconds(&whole) - seconds(&samples) - 0.25).abs() < 0.001, "{} s", seconds(&samples));
        assert_eq!(warnings, ["its edit list skips the first 0.3 s", expected[0]]);
    }
}

#[test]
fn mp4_packets_count_and_not_the_lengths_of_its_index() {
    let plain = fs::read(fixture("burst.m4a")).unwrap();
    let (whole, _) = hear(&plain);
    let mut short = plain;
    for (kind, at) in [(b"tkhd", 20), (b"mvhd", 16)] {
        let at = box_content(&short, kind) + at;
        short[at..at + 4].copy_from_slice(&10u32.to_be_bytes());
    }
    // Every packet lasts 1 unit.
    let stts = box_content(&short, b"stts") + 12;
    short[stts..stts + 4].copy_from_slice(&1u32.to_be_bytes());
    assert_eq!(hear(&short).0.len(), whole.len());
}

#[test]
fn a_track_of_an_unknown_codec_is_skipped_and_reported() {
    let mut content = fs::read(fixture("two_tracks.mp4")).unwrap();
    let second = content.windows(4).rposition(|four| four == b"mp4a").unwrap();
    content[second..second + 4].copy_from_slice(b"zzzz");
    let (samples, warnings) = hear(&content);
    assert!(samples.iter().all(|sample| sample.abs() < 0.01));
    assert!(warnings.iter().any(|line| line.contains("unknown codec is left out")), "{warnings:?}");
}
