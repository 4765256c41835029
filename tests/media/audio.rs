//! Audio files of every kind to samples.

use std::f64::consts::PI;
use std::fs;
use std::process::Command;
use std::thread;

use edgefuse::config::Ffmpeg;
use edgefuse::media::audio::{AudioError, AudioFile, Channel, Recording, load};

use crate::fixture;

const RATE: u32 = 16_000;

/// The text of the error for a file with this content.
fn error_of(name: &str, content: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    one_line(load(&path, RATE).unwrap_err())
}

pub fn one_line(error: AudioError) -> String {
    let text = error.to_string();
    assert!(!text.contains('\n') && !text.contains("tests/") && !text.contains("tmp"), "{text}");
    text
}

fn loads(content: &[u8]) -> Vec<f32> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audio");
    fs::write(&path, content).unwrap();
    load(&path, RATE).unwrap()
}

/// A WAV file of one format chunk and one data chunk.
pub fn wav(tag: u16, channels: u16, rate: u32, bits: u16, data: &[u8]) -> Vec<u8> {
    let frame = channels.wrapping_mul(bits.div_ceil(8));
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + data.len() as u32).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0");
    bytes.extend(tag.to_le_bytes());
    bytes.extend(channels.to_le_bytes());
    bytes.extend(rate.to_le_bytes());
    bytes.extend((rate.wrapping_mul(u32::from(frame))).to_le_bytes());
    bytes.extend(frame.to_le_bytes());
    bytes.extend(bits.to_le_bytes());
    bytes.extend(b"data");
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    bytes
}

pub fn pcm16(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

fn sine(rate: u32, hz: f32, seconds: f32) -> Vec<f32> {
    (0..(rate as f32 * seconds) as usize)
        .map(|n| (0.5 * (2.0 * PI * f64::from(hz) * n as f64 / f64::from(rate)).sin()) as f32)
        .collect()
}

#[test]
fn sixteen_bits_at_the_requested_rate_are_unchanged() {
    let samples = [0, 1, -1, 12345, -12345, i16::MAX, i16::MIN];
    let expected: Vec<f32> = samples.iter().map(|&sample| f32::from(sample) / 32768.0).collect();
    assert_eq!(loads(&wav(1, 1, RATE, 16, &pcm16(&samples))), expected);
}

#[test]
fn every_sample_type() {
    assert_eq!(loads(&wav(1, 1, RATE, 8, &[0, 64, 128, 192])), [-1.0, -0.5, 0.0, 0.5]);
    assert_eq!(loads(&wav(1, 1, RATE, 24, &[0, 0, 0x40, 0, 0, 0x80])), [0.5, -1.0]);
    let wide = [i32::MIN, 1 << 30, 0].map(i32::to_le_bytes).concat();
    assert_eq!(loads(&wav(1, 1, RATE, 32, &wide)), [-1.0, 0.5, 0.0]);
    let float = [0.25f32, -0.75].map(f32::to_le_bytes).concat();
    assert_eq!(loads(&wav(3, 1, RATE, 32, &float)), [0.25, -0.75]);
    let double = [0.25f64, -0.75].map(f64::to_le_bytes).concat();
    assert_eq!(loads(&wav(3, 1, RATE, 64, &double)), [0.25, -0.75]);
    // 12 bits are the upper bits of 16.
    assert_eq!(loads(&wav(1, 1, RATE, 12, &pcm16(&[0x4000, -0x8000]))), [0.5, -1.0]);
}

#[test]
fn twenty_four_bits_in_thirty_two_are_the_upper_ones() {
    let mut file = wav(1, 1, RATE, 24, &[0, 0, 0, 0x40]);
    file[32] = 4; // the frame's length
    assert_eq!(loads(&file), [0.5]);
}

#[test]
fn files_of_sox_and_ffmpeg() {
    // 50 ms; the last 30 ms are a tone of amplitude 0.5.
    for (name, tolerance) in [
        ("sox_8.wav", 0.01),
        ("sox_16.wav", 1e-4),
        ("sox_24.wav", 1e-4),
        ("sox_32.wav", 1e-4),
        ("ffmpeg_f32.wav", 1e-4),
        ("piped_ffmpeg.wav", 1e-4),
        ("piped_sox.wav", 1e-4),
    ] {
        let samples = load(&fixture(name), RATE).unwrap();
        assert_eq!(samples.len(), 800, "{name}");
        for (n, sample) in samples.iter().enumerate() {
            let time = n as f64 / f64::from(RATE) - 0.02;
            let expected = if time < 0.0 { 0.0 } else { 0.5 * (2.0 * PI * 1000.0 * time).sin() };
            assert!(
                (f64::from(*sample) - expected).abs() < tolerance,
                "{name}: sample {n} is {sample}, not {expected}"
            );
        }
    }
}

#[test]
fn channels_are_averaged() {
    let frames: Vec<i16> = (0..8).flat_map(|_| [8000, -4000, 2000, 0, 0, 0, 0, 10000]).collect();
    assert_eq!(loads(&wav(1, 8, RATE, 16, &pcm16(&frames))), [2000.0 / 32768.0; 8]);
    // WAVE_FORMAT_EXTENSIBLE, six channels of 24 bits; ffmpeg put the tone into the centre channel only.
    let samples = load(&fixture("ffmpeg_5.1.wav"), RATE).unwrap();
    assert_eq!(samples.len(), 320);
    let peak = samples.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
    assert!((peak - 0.5 / 6.0).abs() < 1e-3, "{peak}");
}

#[test]
fn a_resampled_sine_keeps_frequency_amplitude_and_time() {
    for rate in [8_000, 11_025, 12_345, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000] {
        for hz in [100.0, 1000.0, 3000.0] {
            let source = sine(rate, hz, 1.0);
            let bytes: Vec<u8> = source.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            let samples = loads(&wav(3, 1, rate, 32, &bytes));
            assert_eq!(samples.len(), RATE as usize, "{rate} Hz");
            let expected = sine(RATE, hz, 1.0);
            // Away from the ends, where the sine is cut.
            let worst = (1600..14_400).map(|n| (samples[n] - expected[n]).abs()).fold(0.0, f32::max);
            println!("{rate} Hz, tone of {hz} Hz: {worst:e}");
            assert!(worst < 1e-4, "{rate} Hz, tone of {hz} Hz: off by {worst}");
        }
    }
}

#[test]
fn frequencies_above_the_new_band_are_removed() {
    let bytes: Vec<u8> = sine(48_000, 9_000.0, 0.5).iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let samples = loads(&wav(3, 1, 48_000, 32, &bytes));
    let loudest = samples[800..7200].iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
    assert!(loudest < 5e-5, "{loudest}");
}

#[test]
fn the_length_is_rounded_to_the_nearest_sample() {
    for (rate, frames) in [(44_100, 2), (48_000, 2), (8_000, 1), (44_100, 12_345), (22_050, 777)] {
        let samples = loads(&wav(1, 1, rate, 16, &vec![0; 2 * frames]));
        let expected = (frames as f64 * f64::from(RATE) / f64::from(rate)).round() as usize;
        assert_eq!(samples.len(), expected, "{frames} frames at {rate} Hz");
    }
}

/// The time of the first sample that is louder than a fifth of full scale, in seconds.
pub fn onset(samples: &[f32]) -> f32 {
    let first = samples.iter().position(|sample| sample.abs() > 0.2).expect("a tone");
    first as f32 / RATE as f32
}

#[test]
fn compressed_files() {
    // A tone (of amplitude 0.5; 0.35 if ffmpeg made it stereo) begins at 0.2 s and ends at 0.3 s; the file ends at 0.5
    // s.
    for (name, late) in [
        ("burst.flac", 0.0005),
        ("burst.mp3", 0.002),
        ("burst_cover.mp3", 0.002),
        ("burst_22050.mp3", 0.06), // without the tag that states the delay
        ("burst.ogg", 0.002),
        ("burst_opus.ogg", 0.002),
        ("burst_opus.webm", 0.002),
        ("burst_opus.mp4", 0.002),
        ("burst.mkv", 0.025),
        ("burst.aiff", 0.0005),
        ("burst.caf", 0.0005),
        ("burst.m4a", 0.002),
        ("burst_alac.m4a", 0.0005),
        ("burst.aac", 0.025),
        ("burst_alaw.wav", 0.001),
        ("burst_adpcm_ms.wav", 0.001),
        ("burst_adpcm_ima.wav", 0.001),
    ] {
        let samples = load(&fixture(name), RATE).unwrap_or_else(|error| panic!("{name}: {error}"));
        let onset = onset(&samples);
        let seconds = samples.len() as f32 / RATE as f32;
        let peak = samples.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
        println!("{name}: onset {onset:.4} s, length {seconds:.4} s, peak {peak:.3}");
        assert!((onset - 0.2).abs() < late + 0.001, "{name}: begins at {onset} s");
        assert!((seconds - 0.5).abs() < 0.1, "{name}: lasts {seconds} s");
        assert!((0.3..0.6).contains(&peak), "{name}: reaches {peak}");
    }
}

#[test]
fn lossless_files_equal_the_wav_file() {
    let expected = load(&fixture("burst.wav"), RATE).unwrap();
    for name in ["burst.flac", "burst_alac.m4a"] {
        assert_eq!(load(&fixture(name), RATE).unwrap(), expected, "{name}");
    }
}

#[test]
fn the_name_of_a_file_does_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("music.wav");
    fs::copy(fixture("burst.mp3"), &path).unwrap();
    assert_eq!(load(&path, RATE).unwrap(), load(&fixture("burst.mp3"), RATE).unwrap());
}

#[test]
fn codecs_that_are_not_supported_are_named() {
    for (name, codec) in [("burst_speex.ogg", "Speex"), ("burst_gsm.wav", "GSM 6.10 in a wav file")] {
        let file = AudioFile::new(fixture(name)).with_ffmpeg(Ffmpeg::Never);
        let text = one_line(file.load(RATE, &mut Vec::new()).unwrap_err());
        assert!(text.starts_with(&format!("{codec} is not supported without ffmpeg")), "{name}: {text}");
    }
}

#[test]
fn a_truncated_file_yields_its_samples() {
    let whole = wav(1, 1, RATE, 16, &pcm16(&[100; 1000]));
    assert_eq!(loads(&whole[..whole.len() - 601]).len(), 699);
    for name in ["burst.flac", "burst.mp3", "burst.ogg"] {
        let bytes = fs::read(fixture(name)).unwrap();
        let samples = loads(&bytes[..bytes.len() - 200]);
        assert!(samples.len() > 2000 && samples.len() < 8000, "{name}: {} samples", samples.len());
    }
}

#[test]
fn sizes_that_a_recorder_could_not_fill_in() {
    for placeholder in [0, 0x7fff_f000, u32::MAX] {
        let mut file = wav(1, 2, RATE, 16, &pcm16(&[7; 200]));
        file[4..8].copy_from_slice(&placeholder.to_le_bytes());
        file[40..44].copy_from_slice(&placeholder.to_le_bytes());
        assert_eq!(loads(&file), [7.0 / 32768.0; 100], "{placeholder:#x}");
    }
}

#[test]
fn chunks_around_the_samples_are_passed_over() {
    let plain = wav(1, 1, RATE, 16, &pcm16(&[5, 6]));
    // An odd chunk is followed by a byte of padding.
    let mut file = plain[..36].to_vec();
    file.extend(b"LIST\x03\0\0\0abc\0");
    file.extend(&plain[36..]);
    file.extend(b"junk\x02\0\0\0ab");
    assert_eq!(loads(&file), [5.0 / 32768.0, 6.0 / 32768.0]);
}

#[test]
fn rf64_has_its_size_elsewhere() {
    let plain = wav(1, 1, RATE, 16, &pcm16(&[5, 6]));
    let mut file = b"RF64\xff\xff\xff\xffWAVEds64\x1c\0\0\0".to_vec();
    file.extend([0u64, 4, 2].iter().flat_map(|size| size.to_le_bytes()));
    file.extend([0; 4]);
    file.extend(&plain[12..40]);
    file.extend([0xff; 4]);
    file.extend(&plain[44..]);
    file.extend(b"trailing chunk");
    assert_eq!(loads(&file), [5.0 / 32768.0, 6.0 / 32768.0]);
}

#[test]
fn samples_that_are_not_finite() {
    let float = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 3.0, -7.5, 0.5].map(f32::to_le_bytes).concat();
    assert_eq!(loads(&wav(3, 1, RATE, 32, &float)), [0.0, 0.0, 0.0, 1.0, -1.0, 0.5]);
}

#[test]
fn bad_files_say_what_is_wrong() {
    let good = wav(1, 1, RATE, 16, &pcm16(&[1; 100]));
    assert_eq!(error_of("empty.wav", b""), "is an empty file");
    assert!(
        error_of("text.wav", b"This is no audio. ".repeat(50).as_slice()).starts_with("is not audio in a known format")
    );
    assert!(error_of("short.mp3", b"x").starts_with("is not audio in a known format"));
    for cut in [12, 20, 30, 36, 40] {
        assert_eq!(error_of("cut.wav", &good[..cut]), "is cut off before its first sample", "{cut} bytes");
    }
    assert_eq!(error_of("none.wav", &good[..44]), "has no samples");
    assert_eq!(error_of("none.wav", &wav(1, 1, RATE, 16, &[])), "has no samples");
    assert_eq!(error_of("none.wav", &wav(1, 2, RATE, 16, &[0; 3])), "has no samples");
    assert_eq!(error_of("bits.wav", &wav(1, 1, RATE, 0, &[0; 8])), "is damaged: 1 channels of 0 bits");
    assert_eq!(error_of("channels.wav", &wav(1, 0, RATE, 16, &[0; 8])), "is damaged: no channels");
    assert_eq!(error_of("channels.wav", &wav(1, 65535, RATE, 16, &[0; 8])), "is damaged: 65535 channels of 16 bits");
    for rate in [0, 1, u32::MAX] {
        assert!(error_of("rate.wav", &wav(1, 1, rate, 16, &[0; 8])).starts_with("claims a sample rate"), "{rate}");
    }
    let mut swapped = good[..12].to_vec();
    swapped.extend(&good[36..]);
    assert_eq!(error_of("order.wav", &swapped), "is damaged: no format before the samples");
}

#[test]
fn paths_that_are_not_files() {
    let folder = tempfile::tempdir().unwrap();
    let missing = one_line(load(&folder.path().join("missing.wav"), RATE).unwrap_err());
    assert!(missing.contains("No such file"), "{missing}");
    assert_eq!(one_line(load(folder.path(), RATE).unwrap_err()), "is a directory, not a file");
    let device = one_line(load("/dev/zero".as_ref(), RATE).unwrap_err());
    assert!(device.starts_with("is not a regular file"), "{device}");
}

#[test]
fn a_pipe_is_read_once_and_can_be_opened_repeatedly() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for name in ["burst.wav", "burst.mp3", "burst.m4a"] {
        let content = fs::read(fixture(name)).unwrap();
        let target = pipe.clone();
        let writer = thread::spawn(move || fs::write(target, content).unwrap());
        let file = AudioFile::new(&pipe);
        for _ in 0..2 {
            assert_eq!(file.load(RATE, &mut Vec::new()).unwrap(), load(&fixture(name), RATE).unwrap(), "{name}");
        }
        writer.join().unwrap();
    }
    let target = pipe.clone();
    let writer = thread::spawn(move || fs::write(target, b"").unwrap());
    assert_eq!(one_line(load(&pipe, RATE).unwrap_err()), "is an empty file");
    writer.join().unwrap();
}

/// Samples and warnings of a file with this content.
pub fn hear(content: &[u8]) -> (Vec<f32>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audio");
    fs::write(&path, content).unwrap();
    let mut warnings = Vec::new();
    (AudioFile::new(path).with_ffmpeg(Ffmpeg::Never).load(RATE, &mut warnings).unwrap(), warnings)
}

pub fn seconds(samples: &[f32]) -> f64 {
    samples.len() as f64 / f64::from(RATE)
}

#[test]
fn concatenated_files_are_read_completely() {
    // Each lasts 0.5 s; rates and channels differ. The encoders' padding around the inner ones is read too.
    for (names, most) in [
        (["burst.mp3", "burst.mp3", "burst.mp3"], 0.2),
        (["burst.mp3", "burst_22050.mp3", "burst.mp3"], 0.3),
        (["burst.flac", "burst.flac", "burst.flac"], 0.01),
        (["burst.ogg", "burst_opus.ogg", "burst.ogg"], 0.03),
        (["burst.aac", "burst.aac", "burst.aac"], 0.3),
    ] {
        let content: Vec<u8> = names.iter().flat_map(|name| fs::read(fixture(name)).unwrap()).collect();
        let (samples, _) = hear(&content);
        assert!((-0.01..most).contains(&(seconds(&samples) - 1.5)), "{names:?}: {} s", seconds(&samples));
        // The tone of each: 0.2 s to 0.3 s of every half second.
        let loud = samples.chunks(1600).filter(|part| part.iter().any(|sample| sample.abs() > 0.2)).count();
        assert!((3..=6).contains(&loud), "{names:?}: {loud} tenths of a second are loud");
    }
}

#[test]
fn packets_count_and_not_the_frames_that_a_header_declares() {
    let whole = fs::read(fixture("burst.mp3")).unwrap();
    let tag = whole.windows(4).position(|four| four == b"Info" || four == b"Xing").unwrap();
    let plain = hear(&whole);
    for declared in [0u32, 1, 5, 10] {
        let mut changed = whole.clone();
        changed[tag + 8..tag + 12].copy_from_slice(&declared.to_be_bytes());
        let (samples, _) = hear(&changed);
        assert!(
            (-0.01..0.06).contains(&(seconds(&samples) - seconds(&plain.0))),
            "{declared}: {} s",
            seconds(&samples)
        );
    }
    let mut changed = whole;
    changed[tag + 8..tag + 12].copy_from_slice(&1000u32.to_be_bytes());
    let (samples, warnings) = hear(&changed);
    assert!((samples.len(), warnings.len()) >= (plain.0.len(), 1), "{warnings:?}");
    assert!(warnings[0].starts_with("its header declares"), "{warnings:?}");
}

#[test]
fn flac_with_a_smallest_block_of_0() {
    let mut content = fs::read(fixture("burst.flac")).unwrap();
    content[8..10].fill(0);
    assert_eq!(hear(&content), (load(&fixture("burst.flac"), RATE).unwrap(), Vec::new()));
}

#[test]
fn the_default_track_is_used_and_named() {
    for name in ["two_tracks.mp4", "two_tracks.mkv"] {
        let (samples, warnings) = hear(&fs::read(fixture(name)).unwrap());
        assert!((onset(&samples) - 0.2).abs() < 0.08, "{name}");
        assert_eq!(warnings, ["it has 2 audio tracks: track 2 (AAC) is used"], "{name}");
    }
}

#[test]
fn mp4_truncated_after_its_index_is_used_up_to_there() {
    let whole = fs::read(fixture("burst_faststart.m4a")).unwrap();
    let (samples, warnings) = hear(&whole[..whole.len() - 400]);
    assert!((0.2..0.5).contains(&seconds(&samples)), "{} s", seconds(&samples));
    assert!(warnings.iter().any(|line| line.starts_with("it is cut off after 0.")), "{warnings:?}");
}

#[test]
fn mp4_without_its_index_is_cut_off() {
    let content = fs::read(fixture("burst.m4a")).unwrap();
    let index = content.windows(4).position(|four| four == b"moov").unwrap();
    let data = content.windows(4).position(|four| four == b"mdat").unwrap();
    if data < index {
        let text = error_of("cut.m4a", &content[..data + 200]);
        assert!(text.starts_with("is cut off: the index at its end"), "{text}");
    }
}

#[test]
fn one_channel_of_a_recording() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stereo.wav");
    fs::write(&path, wav(1, 2, RATE, 16, &pcm16(&[100, 200, 300, 400]))).unwrap();
    let file = AudioFile::new(&path);
    assert_eq!(Recording::from(&file).channels().unwrap(), 2);
    let heard = |channel| {
        let mut reader = Recording::File { file: &file, channel }.open(RATE)?;
        let mut samples = Vec::new();
        while reader.read(&mut samples)? {}
        Ok::<_, AudioError>(samples)
    };
    assert_eq!(heard(Channel::Mix).unwrap(), [150.0 / 32768.0, 350.0 / 32768.0]);
    assert_eq!(heard(Channel::Index(1)).unwrap(), [200.0 / 32768.0, 400.0 / 32768.0]);
    assert_eq!(one_line(heard(Channel::Index(2)).unwrap_err()), "has no channel 3: it has 2");
}

#[test]
fn companded_samples() {
    // ITU-T G.711: the ends of the scale, and silence.
    assert_eq!(loads(&wav(6, 1, RATE, 8, &[0xaa, 0x2a, 0xd5])), [32256.0 / 32768.0, -32256.0 / 32768.0, 8.0 / 32768.0]);
    assert_eq!(loads(&wav(7, 1, RATE, 8, &[0x80, 0x00, 0xff])), [32124.0 / 32768.0, -32124.0 / 32768.0, 0.0]);
}
