//! `transcribe -`: standard input while it is being written.

use std::io::Write;
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::binary::{Run, command, data, words};

/// `transcribe -` with pipes.
fn start(arguments: &[&str]) -> Child {
    let mut command = command();
    command.args(["transcribe", "-"]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Writes all of `bytes`, closes the pipe, and waits.
fn transcribe(bytes: &[u8], arguments: &[&str]) -> Run {
    let mut child = start(arguments);
    // A program that refuses its input closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(bytes);
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let run =
        Run { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) };
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    run
}

/// The samples of a 16-bit wav of `tests/data`, little-endian, without its header.
fn raw(name: &str) -> Vec<u8> {
    std::fs::read(data(name)).unwrap().split_off(44)
}

fn finals(events: &[Value]) -> String {
    let texts = events.iter().filter(|event| event["type"] == "final").map(|event| event["text"].as_str().unwrap());
    words(&texts.collect::<Vec<_>>().join(" "))
}

#[test]
fn raw_samples_become_final_segments_at_their_times() {
    let mut stream = vec![0; 2 * 16_000 * 3];
    stream.extend(raw("librivox-0870.wav"));
    stream.extend(vec![0; 2 * 16_000 * 2]);
    stream.extend(raw("librivox-0930.wav"));
    let events = transcribe(&stream, &["--format", "json"]).expect(0).json();
    let text = finals(&events);
    assert!(text.starts_with("and mr john dashwood") && text.ends_with("himself"), "{text}");
    let first = events.iter().find(|event| event["type"] == "final").unwrap();
    assert!((2.5..3.6).contains(&first["start"].as_f64().unwrap()), "{first}");
    let last = events.last().unwrap();
    assert!((11.5..12.9).contains(&last["start"].as_f64().unwrap()), "{last}");
}

#[test]
fn a_partial_text_comes_while_it_is_being_spoken() {
    use std::io::{BufRead, BufReader};

    let mut child = start(&["--format", "json"]);
    let mut input = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // Three seconds into the sentence, and then nothing: the line must come though the stream goes on.
    input.write_all(&raw("librivox-0870.wav")[..2 * 16_000 * 3]).unwrap();
    input.flush().unwrap();
    let event: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(event["type"], "partial", "{event}");
    assert!(words(event["text"].as_str().unwrap()).contains("john dashwood"), "{event}");
    drop(input);
    let rest: Vec<Value> = lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    assert!(finals(&rest).contains("john dashwood had then"), "{rest:?}");
    assert!(child.wait().unwrap().success());
}

#[test]
fn wav_with_and_without_sizes_is_read_by_its_header() {
    let mut wav = std::fs::read(data("librivox-0930.wav")).unwrap();
    for sizes in [None, Some([0; 4]), Some([0xFF; 4])] {
        if let Some(size) = sizes {
            wav[4..8].copy_from_slice(&size);
            wav[40..44].copy_from_slice(&size);
        }
        let run = transcribe(&wav, &[]).expect(0);
        assert!(words(&run.stdout).ends_with("amiable himself"), "{sizes:?}: {}", run.stdout);
    }
}

#[test]
fn a_stream_that_stops_inside_a_sample_is_heard_to_there() {
    let mut stream = raw("librivox-0930.wav");
    stream.push(7);
    let run = transcribe(&stream, &[]).expect(0);
    assert!(words(&run.stdout).ends_with("amiable himself"), "{}", run.stdout);
    assert!(run.stderr.contains("standard input: it ends in the middle of a frame"), "{}", run.stderr);
}

#[test]
fn silence_says_nothing() {
    let run = transcribe(&vec![0; 2 * 16_000 * 60], &["--format", "json"]).expect(0);
    assert_eq!(run.stdout, "");
    assert!(run.stderr.contains("standard input: no speech found: every sample is 0"), "{}", run.stderr);
}

#[test]
fn what_is_no_sound_is_told() {
    transcribe(&[], &[]).expect(1).expect_error(&["standard input: ended before a single byte of sound came"]);
    let mp3 = std::fs::read(data("formats/stereo-48000.mp3")).unwrap();
    transcribe(&mp3, &[]).expect(1).expect_error(&["standard input: is mp3", "ffmpeg -i INPUT -f wav -"]);
}

#[test]
fn subtitles_come_cue_by_cue() {
    let mut stream = raw("librivox-0870.wav");
    stream.extend(vec![0; 2 * 16_000 * 3]);
    stream.extend(raw("librivox-0930.wav"));
    let srt = transcribe(&stream, &["--format", "srt", "--quiet"]).expect(0).stdout;
    assert!(srt.starts_with("1\n00:00:00,") && srt.contains("\n\n2\n00:00:"), "{srt}");
    let ends: Vec<f64> = srt
        .lines()
        .filter_map(|line| line.split_once(" --> "))
        .flat_map(|(start, end)| [start, end])
        .map(|time| time[6..].replace(',', ".").parse().unwrap())
        .collect();
    assert!(ends.is_sorted(), "{srt}");
    // No cue reaches into the pause, but for the padding of 0.2 s.
    assert!(ends.iter().all(|at| !(7.4..9.8).contains(at)), "{srt}");
    let vtt = transcribe(&stream, &["--format", "vtt", "--quiet"]).expect(0).stdout;
    assert!(vtt.starts_with("WEBVTT\n\n00:0") && vtt.matches(" --> ").count() >= 2, "{vtt}");
    let tsv = transcribe(&stream, &["--format", "tsv", "--quiet"]).expect(0).stdout;
    assert!(tsv.starts_with("start\tend\ttext\n") && tsv.lines().count() >= 3, "{tsv}");
}

#[test]
fn standard_input_stands_alone() {
    transcribe(&[], &["also.wav"]).expect(2).expect_error(&["standard input, is transcribed alone"]);
}
