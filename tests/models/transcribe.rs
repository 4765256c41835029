//! `transcribe` beyond one greedy window: silence, long recordings, searches, context, languages.

use std::f32::consts::TAU;

use serde_json::Value;
use tempfile::tempdir;

use crate::binary::{data, edgefuse, words};
use crate::sound::{RATE, read_wav, write_wav};

/// The transcript of one recording, as JSON.
#[track_caller]
fn transcript(arguments: &[&str]) -> Value {
    let run = edgefuse(["transcribe", "--format", "json"].iter().chain(arguments)).expect(0);
    run.json().remove(0)["transcript"].take()
}

/// Speech with a minute of `filler` before it and half a minute after it.
fn speech_amid(filler: impl Fn(usize) -> f32) -> Vec<f32> {
    let mut samples: Vec<f32> = (0..60 * RATE).map(&filler).collect();
    samples.extend(read_wav("librivox-0870.wav"));
    samples.extend((0..30 * RATE).map(&filler));
    samples
}

fn noise(at: usize) -> f32 {
    // A multiplicative hash: the same "noise" everywhere, at -20 dBFS.
    let hashed = (at as u32).wrapping_mul(2_654_435_761) ^ (at as u32).wrapping_mul(40_503).rotate_left(13);
    (hashed as f32 / u32::MAX as f32 - 0.5) * 0.2
}

fn chords(at: usize) -> f32 {
    let time = at as f32 / RATE as f32;
    let root = [220.0, 174.6, 261.6, 196.0][(time / 0.5) as usize % 4];
    let chord: f32 = [1.0, 1.26, 1.5].iter().map(|ratio| (TAU * root * ratio * time).sin()).sum();
    chord * 0.1 * (1.0 - (time % 0.5) / 0.5)
}

#[test]
fn a_minute_of_silence_noise_or_tones_has_no_text() {
    let folder = tempdir().unwrap();
    let quiet_noise = |at| noise(at) * 0.01;
    let quiet_tones = |at| chords(at) * 0.01;
    let quiet_hum = |at: usize| {
        let phase = TAU * 50.0 * at as f32 / RATE as f32;
        0.003 * (phase.sin() + 0.3 * (3.0 * phase).sin() + 0.2 * (5.0 * phase).sin())
    };
    let offset = |at| 0.244 + noise(at) * 0.01;
    for (name, sound) in [
        ("silence", (|_| 0.0) as fn(usize) -> f32),
        ("noise", noise),
        ("tones", chords),
        ("quiet noise", quiet_noise),
        ("quiet tones", quiet_tones),
        ("quiet hum", quiet_hum),
        ("noise on an offset", offset),
    ] {
        let path = folder.path().join(format!("{name}.wav"));
        write_wav(&path, (0..60 * RATE).map(sound));
        let found = transcript(&[path.to_str().unwrap()]);
        assert_eq!(found["text"], "", "{name}");
        assert_eq!(found["speech"], 0.0, "{name}");
        assert_eq!(found["segments"].as_array().unwrap().len(), 0, "{name}");
    }
}

#[test]
fn times_of_speech_amid_silence_are_those_of_the_recording() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("amid.wav");
    write_wav(&path, speech_amid(|_| 0.0));
    let path = path.to_str().unwrap();
    for batch_size in ["1", "4"] {
        let found = transcript(&[path, "--timestamps", "word", "--batch-size", batch_size]);
        assert!(words(found["text"].as_str().unwrap()).starts_with("and mr john dashwood had then leisure"), "{found}");
        let segments = found["segments"].as_array().unwrap();
        let start = segments[0]["start"].as_f64().unwrap();
        let end = segments.last().unwrap()["end"].as_f64().unwrap();
        assert!((59.5..60.6).contains(&start) && (66.0..67.6).contains(&end), "{start} to {end}");
        for word in segments.iter().flat_map(|segment| segment["words"].as_array().unwrap()) {
            let (start, end) = (word["start"].as_f64().unwrap(), word["end"].as_f64().unwrap());
            assert!((59.5..67.6).contains(&start) && start <= end && end <= 67.6, "{word}");
        }
        assert!((found["duration"].as_f64().unwrap() - 97.1).abs() < 0.01, "{found}");
        assert!(found["speech"].as_f64().unwrap() < 9.0, "{found}");
    }
}

#[test]
fn windows_side_by_side_give_the_text_of_windows_one_by_one() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("long.wav");
    let pause = vec![0.0; 3 * RATE];
    let clips = ["librivox-0870.wav", "librivox-0890.wav", "librivox-0920.wav", "librivox-0930.wav"];
    let samples = (0..3).flat_map(|_| clips).flat_map(|clip| [read_wav(clip), pause.clone()]).flatten();
    write_wav(&path, samples);
    let path = path.to_str().unwrap();
    let one_by_one = transcript(&[path, "--no-condition-on-previous-text"]);
    let side_by_side = transcript(&[path, "--batch-size", "3"]);
    let text = |found: &Value| words(found["text"].as_str().unwrap());
    let dashwoods = |found: &Value| text(found).matches("dashwood").count();
    assert_eq!((dashwoods(&one_by_one), dashwoods(&side_by_side)), (3, 3));
    assert_eq!(text(&side_by_side).matches("amiable himself").count(), 3);
    let starts: Vec<f64> =
        side_by_side["segments"].as_array().unwrap().iter().map(|segment| segment["start"].as_f64().unwrap()).collect();
    assert!(starts.is_sorted() && *starts.last().unwrap() > 60.0, "{starts:?}");
}

#[test]
fn every_search_hears_the_sentence() {
    let clip = data("librivox-0870.wav");
    for search in [
        &["--beams", "5"][..],
        &["--beams", "3", "--patience", "2", "--length-penalty", "0.6"],
        &["--temperature", "0.2", "--best-of", "3", "--seed", "7"],
        &["--encoder-context", "adaptive"],
        &["--no-vad"],
        &["--timestamps", "none"],
        &["--hotwords", "Dashwood", "--initial-prompt", "Sense and Sensibility."],
    ] {
        let found = transcript(&[&[clip.as_str()], search].concat());
        let text = words(found["text"].as_str().unwrap());
        assert!(text.contains("dashwood had then leisure to consider how much there might be"), "{search:?}: {text}");
    }
}

#[test]
fn an_automatic_context_is_short_for_a_clear_sentence_and_full_for_a_doubtful_one() {
    let segments = |context: &str, more: &[&str]| {
        let clip = data("librivox-0870.wav");
        let arguments = [&[clip.as_str(), "--encoder-context", context, "--temperature", "0"], more].concat();
        let mut found = transcript(&arguments);
        found["segments"].take()
    };
    assert_eq!(segments("auto", &[]), segments("adaptive", &[]));
    let impossible = ["--logprob-threshold", "0", "--no-speech-threshold", "1"];
    assert_eq!(segments("auto", &impossible), segments("full", &impossible));
    let batch = ["--batch-size", "2"];
    assert_eq!(segments("auto", &batch), segments("adaptive", &batch));
    let impossible = [&impossible[..], &batch].concat();
    assert_eq!(segments("auto", &impossible), segments("full", &impossible));
}

#[test]
fn hotwords_change_what_is_heard() {
    // "clubs" is recognised as a similar-sounding word unless it is expected.
    let clip = data("cards-002.wav");
    let heard =
        |arguments: &[&str]| words(transcript(&[&[clip.as_str()], arguments].concat())["text"].as_str().unwrap());
    assert!(!heard(&[]).contains("clubs"), "{}", heard(&[]));
    let expected = heard(&["--hotwords", "clubs"]);
    assert!(expected.contains("queen of clubs"), "{expected}");
}

#[test]
fn languages_are_detected_and_translated() {
    let clip = data("spanish.wav");
    let found = transcript(&["--model", "whisper-base", "--language", "auto", &clip]);
    assert_eq!(found["language"], "es", "{found}");
    let probability = found["language_probability"].as_f64().unwrap();
    assert!(probability > 0.5 && found["language_probabilities"]["es"] == found["language_probability"], "{found}");
    assert!(words(found["text"].as_str().unwrap()).starts_with("mi hermano vive en españa"), "{found}");
    for language in ["es", "Spanish", "CASTILIAN"] {
        let found = transcript(&["--model", "whisper-base", "--language", language, "--task", "translate", &clip]);
        assert_eq!(found["language"], "es", "{found}");
        assert!(words(found["text"].as_str().unwrap()).contains("lives in spain"), "{found}");
    }
}

#[test]
fn a_twentieth_of_a_second_yields_neither_an_error_nor_text() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("short.wav");
    write_wav(&path, (0..RATE / 20).map(noise));
    for arguments in [&[][..], &["--no-vad"]] {
        let found = transcript(&[&[path.to_str().unwrap()], arguments].concat());
        assert_eq!(found["text"], "", "{found}");
    }
}

#[test]
fn nan_samples_six_channels_and_clipping_do_not_prevent_recognition() {
    let folder = tempdir().unwrap();
    let speech = read_wav("librivox-0870.wav");
    for (name, channels, rate, gain, hole) in [
        ("nan", 1, 16_000, 1.0, f32::NAN),
        ("infinite", 1, 16_000, 1.0, f32::INFINITY),
        ("clipped", 1, 16_000, 8.0, 0.0),
        ("six", 6, 16_000, 1.0, 0.0),
        ("fast", 1, 192_000, 1.0, 0.0),
    ] {
        let path = folder.path().join(format!("{name}.wav"));
        let spec = hound::WavSpec {
            channels,
            sample_rate: rate,
            bits_per_sample: 32,
            sample_format: hound::SampleFormat::Float,
        };
        let mut writer = hound::WavWriter::create(&path, spec).unwrap();
        for (at, &sample) in speech.iter().enumerate() {
            let sample = if at % 4_000 == 0 && hole != 0.0 { hole } else { sample * gain };
            for _ in 0..usize::from(channels) * (rate / 16_000) as usize {
                writer.write_sample(sample).unwrap();
            }
        }
        writer.finalize().unwrap();
        let run = edgefuse(["transcribe", "--format", "json", path.to_str().unwrap()]).expect(0);
        let found = &run.json()[0]["transcript"];
        assert!(words(found["text"].as_str().unwrap()).starts_with("and mr john dash"), "{name}: {found}");
        let warned = run.stderr.contains("not finite") || run.stderr.contains("times full scale");
        assert_eq!(warned, hole != 0.0 || gain > 1.0, "{name}: {}", run.stderr);
    }
}
