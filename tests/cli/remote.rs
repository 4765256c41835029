//! Models behind an endpoint, served by the test itself.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use crate::binary::{Run, TINY, data, root, tiny};

const SOME_FAILED: i32 = 1;
const WRONG_USE: i32 = 2;

/// Answers every request with the same text; returns its port and the bodies of the requests.
fn endpoint(text: &'static str) -> (u16, Arc<Mutex<Vec<Value>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let seen = bodies.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut length = 0;
            let mut line = String::new();
            while reader.read_line(&mut line).unwrap_or(0) > 2 {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            seen.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
            let chunk = json!({"choices": [{"delta": {"content": text}, "finish_reason": "stop"}]});
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\ndata: {chunk}\n\ndata: [DONE]\n\n"
            );
        }
    });
    (port, bodies)
}

/// A port where nothing listens.
fn nowhere() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn device(folder: &Path, port: u16, keys: &str, pipeline: &str) -> PathBuf {
    let path = folder.join("device.yaml");
    let text = format!(
        "extends: {}\ndevice: test\nmodels:\n  cloud: {{endpoint: 'http://127.0.0.1:{port}/v1', model: big, \
         max_retries: 0{keys}}}\npipeline: [{pipeline}]\n",
        root().join(TINY).display()
    );
    fs::write(&path, text).unwrap();
    path
}

fn process(device: &Path, records: &[Value]) -> Run {
    let manifest = device.with_file_name("records.jsonl");
    fs::write(&manifest, records.iter().map(|record| format!("{record}\n")).collect::<String>()).unwrap();
    tiny(["--format", "json", "--config", device.to_str().unwrap(), "run", manifest.to_str().unwrap()])
}

#[test]
fn a_step_sends_the_prompt_and_the_picture() {
    let folder = tempfile::tempdir().unwrap();
    let (port, bodies) = endpoint("A red circle.");
    let pipeline = "chat: {model: cloud, system: Be brief., prompt: 'What is this? {sensors.t}', image: true}";
    let device = device(folder.path(), port, "", pipeline);
    let record = json!({"image": root().join(data("easyvqa-23.png")), "sensors": {"t": 21}});
    let line = process(&device, &[record]).expect(0).json().remove(0);
    assert_eq!((&line["reply"]["text"], &line["reply"]["provider"]), (&"A red circle.".into(), &"remote".into()));
    let body = bodies.lock().unwrap().remove(0);
    assert_eq!(body["messages"][0], json!({"role": "system", "content": "Be brief."}));
    let parts = &body["messages"][1]["content"];
    assert_eq!(parts[0]["text"], "What is this? 21");
    assert!(parts[1]["image_url"]["url"].as_str().unwrap().starts_with("data:image/jpeg;base64,"));
}

#[test]
fn while_the_endpoint_is_away_the_fallback_answers_and_the_result_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = "chat: {model: cloud, prompt: 'Say: {text}', image: true, max_tokens: 4}";
    let device = device(folder.path(), nowhere(), ", fallback: writer", pipeline);
    let record = json!({"image": root().join(data("easyvqa-23.png")), "text": "the house"});
    let lines = process(&device, &[record.clone(), record]).expect(0).json();
    for (line, expected) in
        lines.iter().zip(["nothing listens there; `writer` answered instead", "not asked again for"])
    {
        assert_eq!((&line["reply"]["provider"], &line["reply"]["tokens"]), (&"cpu".into(), &4.into()), "{line}");
        let warnings = line["warnings"].to_string();
        assert!(warnings.contains(expected), "{warnings}");
    }
}

#[test]
fn without_a_fallback_only_the_step_fails() {
    let folder = tempfile::tempdir().unwrap();
    let device = device(folder.path(), nowhere(), "", "caption: {max_tokens: 4, min_tokens: 1}, chat: {model: cloud}");
    let record = json!({"image": root().join(data("easyvqa-23.png")), "text": "hello"});
    let line = process(&device, &[record]).expect(SOME_FAILED).json().remove(0);
    assert!(line["caption"]["text"].is_string(), "{line}");
    let error = line["reply"]["error"].as_str().unwrap();
    assert!(error.starts_with("big at http://127.0.0.1:") && error.contains("nothing listens there"), "{error}");
}

#[test]
fn the_command_shows_a_picture_to_a_model_that_sees() {
    let folder = tempfile::tempdir().unwrap();
    let (port, bodies) = endpoint("Yes.");
    let device = device(folder.path(), port, ", fallback: writer", "chat");
    let (device, picture) = (device.to_str().unwrap(), data("easyvqa-23.png"));
    // The fallback does not compete with its model.
    let run = tiny(["--config", device, "chat", "--image", &picture, "Is it red?"]).expect(0);
    assert_eq!(run.stdout, "Yes.\n");
    assert!(bodies.lock().unwrap()[0]["messages"][0]["content"][1]["image_url"].is_object());
    let blind = "chat: {image: true}";
    let (port, bodies) = endpoint("No.");
    let device = self::device(folder.path(), port, ", sees: false, fallback: writer", blind);
    let run =
        process(&device, &[json!({"image": root().join(data("easyvqa-23.png")), "text": "Is it red?"})]).expect(0);
    assert_eq!(run.json()[0]["reply"]["text"], "No.");
    let body = bodies.lock().unwrap().remove(0);
    assert!(body["messages"][0]["content"].as_str().unwrap().starts_with("Is it red?\n\nPicture: "), "{body}");
}

/// A device file whose only models are at the endpoint, and BLIP to fall back on if `keys` name it.
fn without_local_models(folder: &Path, port: u16, keys: &str, pipeline: &str) -> PathBuf {
    let path = folder.join("device.yaml");
    let blip = root().join("tests/fixtures/blip/random").display().to_string();
    let blip = if keys.contains("blip") { format!("  blip: {{path: {blip}}}\n") } else { String::new() };
    let text = format!(
        "device: test\nmodels:\n  cloud: {{endpoint: 'http://127.0.0.1:{port}/v1', model: big, max_retries: 0{keys}}}\n\
         {blip}pipeline: [{pipeline}]\n"
    );
    fs::write(&path, text).unwrap();
    path
}

fn question() -> Value {
    json!({"image": root().join(data("easyvqa-23.png")), "text": "Is it red?"})
}

#[test]
fn an_endpoint_captions_and_answers_where_no_other_model_does() {
    let folder = tempfile::tempdir().unwrap();
    let (port, bodies) = endpoint("yes");
    let steps = "caption: {max_tokens: 20}, ask: {question: text, answers: [yes, no]}";
    let device = without_local_models(folder.path(), port, "", steps);
    let line = process(&device, &[question()]).expect(0).json().remove(0);
    let (caption, answer) = (&line["caption"], &line["answer"]);
    assert_eq!((&caption["text"], &caption["provider"]), (&"yes".into(), &"remote".into()), "{line}");
    assert_eq!((&answer["text"], &answer["question"]), (&"yes".into(), &"Is it red?".into()), "{line}");
    for key in ["log_probability", "score", "confidence", "answers", "captions"] {
        assert!(caption.get(key).is_none() && answer.get(key).is_none(), "{key}: {line}");
    }
    let bodies = std::mem::take(&mut *bodies.lock().unwrap());
    for (body, text) in bodies.iter().zip(["Describe the picture in one sentence.", "Is it red?"]) {
        let parts = &body["messages"][0]["content"];
        assert_eq!(parts[0]["text"], text);
        assert!(parts[1]["image_url"]["url"].as_str().unwrap().starts_with("data:image/jpeg;base64,"));
    }
    assert_eq!((&bodies[0]["max_tokens"], bodies.len()), (&20.into(), 2));
    assert_eq!(bodies[1]["response_format"]["json_schema"]["schema"]["enum"], json!(["yes", "no"]));
    let picture = data("easyvqa-23.png");
    let run = tiny(["--config", device.to_str().unwrap(), "caption", "--prompt", "What is it?", &picture]).expect(0);
    assert_eq!(run.stdout, "yes\n");
}

#[test]
fn what_an_endpoint_cannot_do_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let (port, _) = endpoint("maybe");
    for (step, expected) in [
        ("caption: {beams: 3}", "`beams` cannot be used with a model behind an endpoint"),
        ("caption: {beams: 2, captions: 2}", "`captions` cannot be used"),
        ("ask: {question: text, answers: [yes, no], top: 1}", "`top` cannot be used"),
    ] {
        let device = without_local_models(folder.path(), port, "", step);
        process(&device, &[question()]).expect(WRONG_USE).expect_error(&["cloud: ", expected]);
    }
    let device = without_local_models(folder.path(), port, "", "ask: {question: text, answers: [yes, no]}");
    let line = process(&device, &[question()]).expect(SOME_FAILED).json().remove(0);
    assert!(line["answer"]["error"].as_str().unwrap().contains("it is none of `choices`"), "{line}");
    let blind = without_local_models(folder.path(), port, ", sees: false", "caption");
    process(&blind, &[question()]).expect(WRONG_USE).expect_error(&["`caption` needs a model that can caption"]);
}

#[test]
fn pictures_stay_on_the_device_while_it_has_a_model_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let (port, bodies) = endpoint("A lighthouse.");
    let steps = "caption: {max_tokens: 4, min_tokens: 1}";
    let local = device(folder.path(), port, "", steps);
    let line = process(&local, &[question()]).expect(0).json().remove(0);
    assert_eq!((&line["caption"]["provider"], bodies.lock().unwrap().len()), (&"cpu".into(), 0));
    let named = device(folder.path(), port, "", "caption: {model: cloud}");
    let line = process(&named, &[question()]).expect(0).json().remove(0);
    assert_eq!(line["caption"]["text"], "A lighthouse.");
}

#[test]
fn while_the_endpoint_is_away_a_local_model_captions_and_answers() {
    let folder = tempfile::tempdir().unwrap();
    let steps = "caption: {max_tokens: 4}, ask: {question: text, max_tokens: 4}";
    let device = without_local_models(folder.path(), nowhere(), ", fallback: blip", steps);
    let line = process(&device, &[question()]).expect(0).json().remove(0);
    assert_eq!((&line["caption"]["provider"], &line["answer"]["provider"]), (&"cpu".into(), &"cpu".into()), "{line}");
    assert!(line["answer"]["confidence"].is_number() && line["caption"]["score"].is_number(), "{line}");
    assert!(line["warnings"].to_string().contains("nothing listens there; `blip` answered instead"), "{line}");
}

#[test]
fn doctor_reads_the_key_but_sends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (port, bodies) = endpoint("");
    let wrong = device(folder.path(), port, ", api_key_file: missing", "caption");
    let run = tiny(["--config", wrong.to_str().unwrap(), "doctor"]);
    assert!(run.code != 0 && run.stdout.contains("api_key_file"), "{}{}", run.stdout, run.stderr);
    let run = process(
        &device(folder.path(), port, ", api_key_file: missing", "chat: {model: cloud}"),
        &[json!({"text": "x"})],
    );
    assert!(run.expect(WRONG_USE).stderr.contains("api_key_file"));
    let right = device(folder.path(), port, "", "caption");
    let run = tiny(["--config", right.to_str().unwrap(), "doctor"]).expect(0);
    assert!(run.stdout.contains("big, at http://127.0.0.1:"), "{}", run.stdout);
    assert!(bodies.lock().unwrap().is_empty());
}
