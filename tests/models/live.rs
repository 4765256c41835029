//! `transcribe -`: live transcription of standard input.

use std::io::Write;

use serde_json::Value;

use crate::binary::{command, words};
use crate::stream::{raw, start, transcribe};

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
    let events = transcribe(command(), &stream, &["--format", "json"]).expect(0).json();
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

    let mut child = start(command(), &["--format", "json"]);
    let mut input = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // Three seconds of the sentence, and then nothing: the line must appear although the stream continues.
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
