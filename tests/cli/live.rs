//! `transcribe -`: standard input, its headers and its end.

use crate::binary::{data, root, run, tiny_command};
use crate::stream::{raw, transcribe};

#[test]
fn stretches_of_sound_become_final_segments_at_their_times() {
    // Two seconds of a recording, at 3 s and at 7 s: the loud parts are where they were put.
    let speech = &raw("librivox-0870.wav")[2 * 16_000..2 * 16_000 * 3];
    let silence = |seconds: usize| vec![0; 2 * 16_000 * seconds];
    let stream = [&silence(3)[..], speech, &silence(2), speech, &silence(1)].concat();
    let events = transcribe(tiny_command(), &stream, &["--format", "json"]).expect(0).json();
    let finals: Vec<_> = events.iter().filter(|event| event["type"] == "final").collect();
    assert!(finals.iter().all(|event| !event["text"].as_str().unwrap().is_empty()), "{events:?}");
    let starts: Vec<f64> = finals.iter().map(|event| event["start"].as_f64().unwrap()).collect();
    for (from, to) in [(2.5, 3.5), (6.5, 7.5)] {
        assert!(starts.iter().any(|start| (from..to).contains(start)), "none within {from} to {to}: {starts:?}");
    }
    assert!(starts.is_sorted() && starts[0] >= 2.5, "{starts:?}");
}

#[test]
fn wav_with_and_without_sizes_is_read_by_its_header() {
    let mut wav = std::fs::read(data("librivox-0930.wav")).unwrap();
    let whole = transcribe(tiny_command(), &raw("librivox-0930.wav"), &[]).expect(0);
    assert!(!whole.stdout.is_empty());
    for sizes in [None, Some([0; 4]), Some([0xFF; 4])] {
        if let Some(size) = sizes {
            wav[4..8].copy_from_slice(&size);
            wav[40..44].copy_from_slice(&size);
        }
        let run = transcribe(tiny_command(), &wav, &[]).expect(0);
        assert_eq!(run.stdout, whole.stdout, "{sizes:?}");
    }
}

#[test]
fn a_stream_that_stops_inside_a_sample_is_heard_to_there() {
    let mut stream = raw("librivox-0930.wav");
    let whole = transcribe(tiny_command(), &stream, &[]).expect(0);
    stream.push(7);
    let run = transcribe(tiny_command(), &stream, &[]).expect(0);
    assert_eq!(run.stdout, whole.stdout);
    assert!(run.stderr.contains("standard input: it ends in the middle of a frame"), "{}", run.stderr);
}

#[test]
fn silence_says_nothing() {
    let run = transcribe(tiny_command(), &vec![0; 2 * 16_000 * 60], &["--format", "json"]).expect(0);
    assert_eq!(run.stdout, "");
    assert!(run.stderr.contains("standard input: no speech found: every sample is 0"), "{}", run.stderr);
}

#[test]
fn input_that_is_not_sound_is_reported() {
    transcribe(tiny_command(), &[], &[])
        .expect(1)
        .expect_error(&["standard input: ended before a single byte of sound arrived"]);
}

#[test]
fn compressed_sound_is_heard_as_from_a_file() {
    // A stream ends a stretch of speech sooner than a file does, and what is around it changes what Whisper hears: the
    // file is cut as the stream is (`VadOptions::live`).
    let folder = tempfile::tempdir().unwrap();
    let device = folder.path().join("device.yaml");
    let models = root().join("tests/fixtures/tiny");
    let text = "device: live\nruntime: {threads: {intra: 1, inter: 1}}\n\
                models: {whisper: {path: MODELS/whisper.en}, vad: {path: MODELS/vad}}\n\
                pipeline: [transcribe: {vad: {min_silence_ms: 500, pad_ms: 200}}]\n";
    std::fs::write(&device, text.replace("MODELS", models.to_str().unwrap())).unwrap();
    let command = || {
        let mut command = tiny_command();
        command.args(["--quiet", "--config", device.to_str().unwrap(), "--format", "json"]);
        command
    };
    for name in ["formats/stereo-48000.mp3", "formats/stereo-44100.flac", "formats/mono-22050.ogg"] {
        let path = data(name);
        let file = run(command().args(["transcribe", &path])).expect(0).json().remove(0);
        let segments = file["transcript"]["segments"].as_array().unwrap().clone();
        let events = transcribe(command(), &std::fs::read(&path).unwrap(), &[]).expect(0).json();
        let finals: Vec<_> = events.iter().filter(|event| event["type"] == "final").collect();
        assert!(!finals.is_empty() && finals.len() == segments.len(), "{name}: {finals:?} and {segments:?}");
        for (heard, segment) in finals.iter().zip(&segments) {
            assert_eq!(heard["tokens"], segment["tokens"], "{name}");
            assert!((heard["end"].as_f64().unwrap() - segment["end"].as_f64().unwrap()).abs() < 0.02, "{name}");
        }
    }
}

#[test]
fn subtitles_come_cue_by_cue() {
    let mut stream = raw("librivox-0870.wav");
    stream.extend(vec![0; 2 * 16_000 * 3]);
    stream.extend(raw("librivox-0930.wav"));
    let srt = transcribe(tiny_command(), &stream, &["--format", "srt", "--quiet"]).expect(0).stdout;
    assert!(srt.starts_with("1\n00:00:00,") && srt.contains("\n\n2\n00:00:"), "{srt}");
    let ends: Vec<f64> = srt
        .lines()
        .filter_map(|line| line.split_once(" --> "))
        .flat_map(|(start, end)| [start, end])
        .map(|time| time[6..].replace(',', ".").parse().unwrap())
        .collect();
    assert!(ends.is_sorted(), "{srt}");
    // No cue reaches into the pause, except for the padding of 0.2 s.
    assert!(ends.iter().all(|at| !(7.4..9.8).contains(at)), "{srt}");
    let vtt = transcribe(tiny_command(), &stream, &["--format", "vtt", "--quiet"]).expect(0).stdout;
    assert!(vtt.starts_with("WEBVTT\n\n00:0") && vtt.matches(" --> ").count() >= 2, "{vtt}");
    let tsv = transcribe(tiny_command(), &stream, &["--format", "tsv", "--quiet"]).expect(0).stdout;
    assert!(tsv.starts_with("start\tend\ttext\n") && tsv.lines().count() >= 3, "{tsv}");
}

#[test]
fn standard_input_cannot_be_combined_with_files() {
    transcribe(tiny_command(), &[], &["also.wav"])
        .expect(2)
        .expect_error(&["standard input, cannot be combined with files"]);
}
