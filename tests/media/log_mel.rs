//! The log-mel spectrogram against openai-whisper's.

use std::path::Path;

use edgefuse::media::audio::{self, LogMel, LogMelConfig};

use crate::{floats, json};

const SAMPLE_RATE: u32 = 16_000;

fn whisper(n_mels: usize) -> LogMel {
    LogMel::new(&LogMelConfig { sample_rate: SAMPLE_RATE, n_fft: 400, hop_length: 160, n_mels }).unwrap()
}

fn speech() -> Vec<f32> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/librivox-0870.wav");
    audio::load(&path, SAMPLE_RATE).unwrap()
}

#[test]
fn equals_openai_whisper_on_speech() {
    let speech = speech();
    for case in json("log_mel.json").as_array().unwrap() {
        let n_mels = case["n_mels"].as_u64().unwrap() as usize;
        let padding = case["padding"].as_u64().unwrap() as usize;
        let mel = whisper(n_mels).compute(&speech, padding);
        assert_eq!(mel.dim(), (n_mels, case["total"].as_u64().unwrap() as usize));

        let expected = floats(case["file"].as_str().unwrap());
        let frames = case["frames"].as_array().unwrap();
        assert_eq!(expected.len(), frames.len() * n_mels);
        let mut worst = 0.0f32;
        for (frame, expected) in frames.iter().zip(expected.chunks(n_mels)) {
            for (value, expected) in mel.column(frame.as_u64().unwrap() as usize).iter().zip(expected) {
                worst = worst.max((value - expected).abs());
            }
        }
        println!("{n_mels} mel bins, {padding} zeros: max abs diff {worst:e}");
        assert!(worst <= 1e-5, "{n_mels} mel bins, {padding} zeros: max abs diff {worst:e}");
    }
}

#[test]
fn degenerate_input_yields_frames_by_the_same_rule() {
    let log_mel = whisper(80);
    for (samples, padding) in
        [(0, 0), (1, 0), (1, 1), (159, 0), (160, 0), (199, 0), (200, 0), (201, 0), (0, 480_000), (1, 480_000)]
    {
        let mel = log_mel.compute(&vec![0.5; samples], padding);
        assert_eq!(mel.dim(), (80, (samples + padding) / 160), "{samples} samples and {padding} zeros");
        assert!(mel.iter().all(|value| value.is_finite()));
    }
    // Digital silence: log10 of the floor, (-10 + 4) / 4.
    assert!(log_mel.compute(&[0.0; 1600], 0).iter().all(|&value| value == -1.5));
}

#[test]
fn padding_is_the_same_as_zeros() {
    let speech = speech();
    let log_mel = whisper(80);
    // Also less than a frame of it, so that speech is reflected after the end.
    for padding in [1, 100, 199, 200, 201, 300, 399, 400, 4000] {
        let zeros = [&speech[..], &vec![0.0; padding]].concat();
        assert_eq!(log_mel.compute(&speech, padding), log_mel.compute(&zeros, 0), "{padding} zeros");
    }
}

#[test]
fn refuses_constants_that_make_no_sense() {
    let good = LogMelConfig { sample_rate: SAMPLE_RATE, n_fft: 400, hop_length: 160, n_mels: 80 };
    for bad in [
        LogMelConfig { sample_rate: 0, ..good },
        LogMelConfig { n_fft: 0, ..good },
        LogMelConfig { n_fft: 1, ..good },
        LogMelConfig { n_fft: usize::MAX, ..good },
        LogMelConfig { hop_length: 0, ..good },
        LogMelConfig { n_mels: 0, ..good },
        LogMelConfig { n_mels: usize::MAX, ..good },
    ] {
        assert!(LogMel::new(&bad).is_err(), "{bad:?}");
    }
    // Unusual, but valid: an odd frame, more filters than bins.
    for odd in [LogMelConfig { n_fft: 401, ..good }, LogMelConfig { n_mels: 512, ..good }] {
        let mel = LogMel::new(&odd).unwrap().compute(&speech(), 0);
        assert!(mel.iter().all(|value| value.is_finite()), "{odd:?}");
    }
}
