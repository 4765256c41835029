//! Sound from a stream that is still being written.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Cursor, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use edgefuse::media::audio::{AudioError, LiveReader, Samples, load};

use crate::audio::{pcm16, wav};
use crate::fixture;

const RATE: u32 = 16_000;

/// Returns at most `step` bytes at a time, with an interruption before each.
struct Slow {
    content: Cursor<Vec<u8>>,
    step: usize,
    interrupted: bool,
}

impl Read for Slow {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(ErrorKind::Interrupted.into());
        }
        let step = self.step.min(bytes.len());
        self.content.read(&mut bytes[..step])
    }
}

fn slow(content: &[u8], step: usize) -> Slow {
    Slow { content: Cursor::new(content.to_vec()), step, interrupted: false }
}

/// All samples and all warnings.
fn hear(stream: impl Read + Send + 'static) -> Result<(Vec<f32>, Vec<String>), AudioError> {
    let mut reader = LiveReader::new(stream, RATE)?;
    let mut samples = Vec::new();
    while reader.read(&mut samples)? {}
    assert!(!reader.read(&mut samples)?, "the end is not the end");
    assert_eq!(reader.sample_rate(), RATE);
    Ok((samples, reader.warnings().to_vec()))
}

fn samples(content: &[u8]) -> Vec<f32> {
    let (samples, warnings) = hear(Cursor::new(content.to_vec())).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    samples
}

fn error_of(content: &[u8]) -> String {
    let text = hear(Cursor::new(content.to_vec())).unwrap_err().to_string();
    assert!(!text.contains('\n'), "{text}");
    text
}

#[test]
fn a_wav_stream_is_the_wav_file() {
    for name in [
        "burst.wav",
        "sox_8.wav",
        "sox_16.wav",
        "sox_24.wav",
        "sox_32.wav",
        "ffmpeg_f32.wav",
        "ffmpeg_5.1.wav",
        "piped_ffmpeg.wav",
        "piped_sox.wav",
    ] {
        let content = fs::read(fixture(name)).unwrap();
        let expected = load(&fixture(name), RATE).unwrap();
        for step in [1, 7, usize::MAX] {
            assert_eq!(hear(slow(&content, step)).unwrap().0, expected, "{name}, {step} bytes a time");
        }
    }
}

#[test]
fn any_rate_and_any_number_of_channels() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("same.wav");
    let tone: Vec<f64> = (0..48_000).map(|n| (f64::from(n) * 0.02).sin()).collect();
    let float: Vec<u8> = tone.iter().flat_map(|&value| (value as f32).to_le_bytes()).collect();
    let double: Vec<u8> = tone.iter().flat_map(|value| value.to_le_bytes()).collect();
    for rate in [8_000, 16_000, 44_100, 192_000] {
        for channels in [1, 2, 6] {
            for (bits, data) in [(32, &float), (64, &double)] {
                let content = wav(3, channels, rate, bits, data);
                fs::write(&path, &content).unwrap();
                let expected = load(&path, RATE).unwrap();
                assert_eq!(samples(&content), expected, "{rate} Hz, {channels} channels, {bits} bits");
            }
        }
    }
}

#[test]
fn sizes_that_mean_until_the_end() {
    let frames: Vec<i16> = (0..400).collect();
    let expected: Vec<f32> = frames.iter().map(|&sample| f32::from(sample) / 32_768.0).collect();
    // ffmpeg: 0xFFFFFFFF; sox: 0x7FFFF000 and so on; arecord: 0x80000000 and the like; a stopped recorder: 0.
    for placeholder in [0, 0x7fff_f000, 0x7fff_ffff, 0x8000_0000, u32::MAX] {
        let mut content = wav(1, 1, RATE, 16, &pcm16(&frames));
        content[4..8].copy_from_slice(&placeholder.to_le_bytes());
        content[40..44].copy_from_slice(&placeholder.to_le_bytes());
        assert_eq!(samples(&content), expected, "{placeholder:#x}");
    }
}

#[test]
fn a_true_size_is_kept_to() {
    let mut content = wav(1, 1, RATE, 16, &pcm16(&[5, 6]));
    content.extend(b"LIST\x04\0\0\0abcd");
    assert_eq!(samples(&content), [5.0 / 32_768.0, 6.0 / 32_768.0]);
    // A stream that ends early causes one warning.
    let content = wav(1, 1, RATE, 16, &pcm16(&[7; 100]));
    let (heard, warnings) = hear(slow(&content[..content.len() - 51], 3)).unwrap();
    assert_eq!(heard, [7.0 / 32_768.0; 74]);
    assert_eq!(warnings, ["it is cut off: it has 149 of 200 bytes of samples, which are used"]);
}

#[test]
fn what_has_no_header_is_raw() {
    let frames = [0, 1, -1, 12_345, i16::MAX, i16::MIN, 3, 4];
    let expected: Vec<f32> = frames.iter().map(|&sample| f32::from(sample) / 32_768.0).collect();
    for step in [1, 3, usize::MAX] {
        assert_eq!(hear(slow(&pcm16(&frames), step)).unwrap(), (expected.clone(), Vec::new()));
    }
    assert_eq!(samples(&pcm16(&[9])), [9.0 / 32_768.0]);
    // It is at 16 kHz, whatever the requested rate.
    let mut reader = LiveReader::new(Cursor::new(pcm16(&[100; 1600])), 8_000).unwrap();
    let mut heard = Vec::new();
    while reader.read(&mut heard).unwrap() {}
    assert_eq!(heard.len(), 800);
}

#[test]
fn a_stream_that_stops_in_a_frame_yields_whole_frames_and_one_warning() {
    let middle = ["it ends in the middle of a frame, which is left out"];
    let mut raw = pcm16(&[3; 50]);
    raw.push(1);
    assert_eq!(hear(slow(&raw, 9)).unwrap(), (vec![3.0 / 32_768.0; 50], middle.map(String::from).to_vec()));

    let mut endless = wav(1, 6, RATE, 24, &[0; 18 * 20 + 17]);
    endless[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(hear(slow(&endless, 5)).unwrap(), (vec![0.0; 20], middle.map(String::from).to_vec()));
}

#[test]
fn samples_that_are_not_finite() {
    let float = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 3.0, -7.5, 0.5].map(f32::to_le_bytes).concat();
    let (heard, warnings) = hear(slow(&wav(3, 1, RATE, 32, &float), 2)).unwrap();
    assert_eq!(heard, [0.0, 0.0, 0.0, 1.0, -1.0, 0.5]);
    assert_eq!(
        warnings,
        ["3 samples are not finite numbers and count as 0", "samples reach 7.5 times full scale and are clipped"]
    );
}

#[test]
fn bad_streams_say_what_is_wrong() {
    assert_eq!(error_of(b""), "ended before a single byte of sound arrived");
    assert_eq!(error_of(b"\x80"), "has no samples");
    let good = wav(1, 1, RATE, 16, &pcm16(&[1; 100]));
    for cut in [12, 20, 30, 36, 40] {
        assert_eq!(error_of(&good[..cut]), "is cut off before its first sample", "{cut} bytes");
    }
    assert_eq!(error_of(&good[..44]), "has no samples");
    for rate in [0, 999, u32::MAX] {
        assert!(error_of(&wav(1, 1, rate, 16, &[0; 8])).starts_with("claims a sample rate"), "{rate}");
    }
    assert_eq!(error_of(&wav(1, 0, RATE, 16, &[0; 8])), "is damaged: no channels");
    // A chunk of 4 GiB that never arrives.
    let mut chunk = good[..36].to_vec();
    chunk.extend(b"junk\xff\xff\xff\xff");
    assert_eq!(error_of(&chunk), "is cut off before its first sample");

    let text = error_of(&fs::read(fixture("burst_gsm.wav")).unwrap());
    assert!(text.starts_with("GSM 6.10 in a wav file is not supported without ffmpeg"), "{text}");
    assert!(error_of(b"#!AMR\n and so on").starts_with("is AMR, which cannot be read from a stream"));
}

#[test]
fn streams_of_other_formats_are_the_files() {
    for name in [
        "burst.mp3",
        "burst_22050.mp3",
        "burst_cover.mp3",
        "burst.flac",
        "burst.ogg",
        "burst_opus.ogg",
        "burst_opus.webm",
        "burst_faststart.m4a",
        "burst_fragmented.m4a",
        "burst.mkv",
        "burst.aiff",
        "burst.aac",
        "burst_alaw.wav",
        "burst_adpcm_ms.wav",
        "burst_adpcm_ima.wav",
    ] {
        let content = fs::read(fixture(name)).unwrap();
        let expected = load(&fixture(name), RATE).unwrap();
        for stream in [slow(&content, 1000), slow(&content, usize::MAX)] {
            let (heard, _) = hear(stream).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(heard.len(), expected.len(), "{name}");
            assert!(heard == expected, "{name}: other samples");
        }
    }
    // mp3 without the leading tag.
    let tagged = fs::read(fixture("burst_22050.mp3")).unwrap();
    let sync = tagged.windows(2).position(|pair| pair[0] == 0xff && pair[1] & 0xe0 == 0xe0).unwrap();
    assert!(samples(&tagged[sync..]).len() > 6_000);
}

#[test]
fn mp4_with_its_index_at_the_end_cannot_be_streamed() {
    let text = error_of(&fs::read(fixture("burst.m4a")).unwrap());
    assert!(text.starts_with("is MP4 with its index at the end, which cannot be read from a stream"), "{text}");
}

#[test]
fn raw_samples_that_begin_like_a_frame_of_mp3_are_raw() {
    for beginning in [[0xff, 0xfb, 0x90, 0x00], [0xff, 0xf1, 0x50, 0x80]] {
        let mut raw = beginning.to_vec();
        raw.extend(pcm16(&[1000; 2000]));
        assert_eq!(samples(&raw).len(), 2002);
        // Also if the stream ends before the next frame could arrive.
        assert_eq!(samples(&raw[..100]).len(), 50);
    }
}

/// Returns its pieces one by one and counts the requested ones.
struct Pieces {
    pieces: VecDeque<Vec<u8>>,
    given: Arc<AtomicUsize>,
}

impl Read for Pieces {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let Some(piece) = self.pieces.front_mut() else { return Ok(0) };
        let read = piece.len().min(bytes.len());
        bytes[..read].copy_from_slice(&piece[..read]);
        piece.drain(..read);
        if piece.is_empty() {
            self.pieces.pop_front();
            self.given.fetch_add(1, Ordering::Relaxed);
        }
        Ok(read)
    }
}

#[test]
fn what_is_there_is_given_without_waiting_for_more() {
    for header in [Vec::new(), wav(1, 1, RATE, 16, &[])] {
        // Pieces of 20 ms, the first together with the header.
        let mut pieces: VecDeque<Vec<u8>> = (0..10).map(|_| pcm16(&[77; 320])).collect();
        pieces[0].splice(0..0, header);
        let given = Arc::new(AtomicUsize::new(0));
        let mut reader = LiveReader::new(Pieces { pieces, given: given.clone() }, RATE).unwrap();
        let mut heard = Vec::new();
        for piece in 1..=10 {
            while heard.len() < 320 * piece {
                assert!(reader.read(&mut heard).unwrap());
            }
            assert_eq!((heard.len(), given.load(Ordering::Relaxed)), (320 * piece, piece));
        }
        assert!(!reader.read(&mut heard).unwrap());
    }
}

#[test]
fn a_block_is_short_however_much_is_there() {
    for content in [pcm16(&[]), wav(1, 2, 48_000, 16, &[]), wav(3, 1, 8_000, 32, &[])] {
        let mut reader = LiveReader::new(Cursor::new(content).chain(io::repeat(1)), RATE).unwrap();
        let mut heard = Vec::new();
        for _ in 0..100 {
            heard.clear();
            assert!(reader.read(&mut heard).unwrap());
            assert!(heard.len() <= 1600, "{} samples", heard.len());
        }
    }
}

#[test]
fn a_stream_that_cannot_be_read_is_an_error() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the cable is out"))
        }
    }
    assert_eq!(hear(Broken).unwrap_err().to_string(), "cannot be read: the cable is out");
    let mut reader = LiveReader::new(Cursor::new(pcm16(&[1; 100])).chain(Broken), RATE).unwrap();
    let mut heard = Vec::new();
    let error = loop {
        match reader.read(&mut heard) {
            Ok(more) => assert!(more),
            Err(error) => break error,
        }
    };
    assert_eq!(heard.len(), 100);
    assert_eq!(error.to_string(), "cannot be read: the cable is out");
    assert!(!reader.read(&mut heard).unwrap());
}

#[test]
fn a_picture_or_a_document_is_not_heard_as_raw_samples() {
    let picture = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/easyvqa-23.png")).unwrap();
    let document = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".repeat(100);
    let program = [&b"\x7fELF\x02\x01\x01"[..], &[0; 4000]].concat();
    let named = [&b"\x1f\x8b\x08\x08\x12\x34\x56\x78\x00\x03film.wav\0"[..], &[0x90; 4000]].concat();
    let text = "Grüße, 1 2 3\r\n".repeat(100).into_bytes();
    let record = b"{\"id\": 1, \"text\": \"hello\"}".to_vec();
    let short = [b"RI".to_vec(), b"RIFF".to_vec(), b"RIFF\x24\0\0\0".to_vec(), b"x".to_vec()];
    for content in [picture, document, program, named, text, record].into_iter().chain(short) {
        let error = hear(Cursor::new(content)).unwrap_err().to_string();
        assert!(error.starts_with("is not audio in a known format"), "{error}");
    }
}
