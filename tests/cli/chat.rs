//! The command and the step `chat`, with the tiny language model, whose texts mean nothing.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::binary::{Run, TINY, data, root, run, tiny, tiny_command};

const SOME_FAILED: i32 = 1;
const WRONG_USE: i32 = 2;

/// Runs `pipeline` of a device file with the tiny models on `records`.
fn pipeline(folder: &Path, pipeline: &str, records: &[Value]) -> Run {
    let (device, manifest) = (folder.join("device.yaml"), folder.join("records.jsonl"));
    let text = format!("extends: {}\ndevice: test\npipeline: [{pipeline}]\n", root().join(TINY).display());
    fs::write(&device, text).unwrap();
    fs::write(&manifest, records.iter().map(|record| format!("{record}\n")).collect::<String>()).unwrap();
    let paths = [&device, &manifest].map(|path| path.to_str().unwrap());
    tiny(["--format", "json", "--config", paths[0], "run", paths[1]])
}

/// Runs `chat` with `arguments` and `input` on standard input, which is no terminal.
fn chat(arguments: &[&str], input: &str) -> Run {
    let mut child = tiny_command()
        .arg("chat")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The program may have refused its arguments before it read its input.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
}

#[test]
fn a_message_is_answered_with_its_rates() {
    let run = tiny(["chat", "--max-tokens", "8", "the house", "and the river"]).expect(0);
    assert!(run.stdout.ends_with('\n') && !run.stdout.starts_with(' '), "{}", run.stdout);
    assert!(
        run.stderr.contains("8 tokens, the first after") && run.stderr.contains("tokens/s on cpu"),
        "{}",
        run.stderr
    );
    let line =
        tiny(["--format", "json", "chat", "--max-tokens", "8", "the house and the river"]).expect(0).json().remove(0);
    assert_eq!(line["text"].as_str().unwrap(), run.stdout.trim());
    assert_eq!((&line["tokens"], &line["finish"]), (&8.into(), &"length".into()));
    assert!(line["tokens_per_second"].as_f64().unwrap() > 0.0 && line["first_token_ms"].as_f64().unwrap() > 0.0);
    assert_eq!(line["provider"], "cpu");
    // The same from standard input.
    assert_eq!(chat(&["--max-tokens", "8"], " the house and the river\n").expect(0).stdout, run.stdout);
}

#[test]
fn options_of_the_device_file_apply_unless_they_are_given() {
    let folder = tempfile::tempdir().unwrap();
    let device = folder.path().join("device.yaml");
    let text = format!(
        "extends: {}\ndevice: test\npipeline: [chat: {{max_tokens: 3, system: small bridges, prompt: 'x {{text}}'}}]\n",
        root().join(TINY).display()
    );
    fs::write(&device, text).unwrap();
    let line = |arguments: &[&str]| {
        let all = ["--format", "json", "--config", device.to_str().unwrap(), "chat"];
        tiny(all.iter().chain(arguments)).expect(0).json().remove(0)
    };
    let short = line(&["the house"]);
    assert_eq!(short["tokens"], 3);
    assert_eq!(line(&["--max-tokens", "5", "the house"])["tokens"], 5);
    // The command has its own message, with the device file's system prompt before it.
    let longer = short["prompt_tokens"].as_u64().unwrap();
    assert!(line(&["--system", "a", "the house"])["prompt_tokens"].as_u64().unwrap() < longer, "{short}");
    let stopped = line(&["--stop", "e", "--stop", "o", "--max-tokens", "40", "the house"]);
    assert_eq!(stopped["finish"], "stop");
    assert!(!stopped["text"].as_str().unwrap().contains(['e', 'o']), "{stopped}");
}

#[test]
fn a_recording_and_a_picture_are_part_of_the_first_message() {
    let json = |arguments: &[&str]| {
        tiny(["--format", "json", "chat", "--max-tokens", "3"].iter().chain(arguments)).expect(0).json().remove(0)
    };
    let message = |line: &Value| line["message"].as_str().unwrap().to_string();
    let heard = message(&json(&["--audio", &data("cards-001.wav")]));
    assert!(!heard.is_empty());
    let seen = message(&json(&["--image", &data("easyvqa-23.png"), "Why?"]));
    assert!(seen.starts_with("Why?\n\nPicture: "), "{seen}");
    let both = message(&json(&["--image", &data("easyvqa-23.png"), "--audio", &data("cards-001.wav"), "Why?"]));
    assert!(both.starts_with(&format!("Why?\n\nRecording: {heard}\n\nPicture: ")), "{both}");
}

#[test]
fn what_cannot_be_answered_is_an_error_in_one_line() {
    tiny(["chat", ""]).expect(WRONG_USE).expect_error(&["the message is empty"]);
    chat(&[], "  \n").expect(WRONG_USE).expect_error(&["the message is empty"]);
    chat(&["--temperature", "11"], "a").expect(WRONG_USE).expect_error(&["temperature: 11 is not within 0 to 10"]);
    let long = "the house ".repeat(1_000);
    tiny(["chat", &long]).expect(SOME_FAILED).expect_error(&["the prompt has", "the model accepts at most 511"]);
    tiny(["chat", "--image", "nowhere.png", "a"]).expect(SOME_FAILED).expect_error(&["nowhere.png"]);
    tiny(["--format", "srt", "chat", "a"]).expect(WRONG_USE).expect_error(&["srt is a format of `transcribe` only"]);
    // Without a model that captions, a picture cannot be described.
    let folder = tempfile::tempdir().unwrap();
    let device = folder.path().join("device.yaml");
    let model = root().join("tests/fixtures/tiny/llm");
    fs::write(&device, format!("device: test\nmodels: {{writer: {{path: {}}}}}\n", model.display())).unwrap();
    let config = ["--config", device.to_str().unwrap()];
    tiny(config.iter().chain(&["chat", "--image", &data("easyvqa-23.png"), "a"]))
        .expect(WRONG_USE)
        .expect_error(&["`chat` needs a model that can caption"]);
    // And without a language model there is no answer.
    fs::write(&device, "device: test\nmodels: {}\n").unwrap();
    tiny(config.iter().chain(&["chat", "a"])).expect(WRONG_USE).expect_error(&["`chat` needs a model that can chat"]);
}

#[test]
fn the_step_answers_a_prompt_made_of_earlier_results() {
    let folder = tempfile::tempdir().unwrap();
    let image = root().join(data("easyvqa-23.png")).display().to_string();
    let sound = root().join(data("cards-001.wav")).display().to_string();
    let records = [
        serde_json::json!({"id": "all", "image": image, "audio": sound, "sensors": {"temperature": 21.5}}),
        serde_json::json!({"id": "some", "image": image}),
        serde_json::json!({"id": "none", "text": "nothing that the prompt names"}),
    ];
    let steps = "transcribe, caption: {min_tokens: 3, max_tokens: 8}, chat: {prompt: 'Said: {transcript}. Seen: {caption}. {sensors.temperature}', max_tokens: 4}";
    let lines = pipeline(folder.path(), steps, &records).expect(0).json();
    assert_eq!(lines[0]["reply"]["tokens"], 4, "{}", lines[0]);
    assert!(lines[0].get("warnings").is_none(), "{}", lines[0]);
    let warnings = lines[1]["warnings"].to_string();
    assert!(warnings.contains("the prompt's {transcript} is empty") && !warnings.contains("{caption}"), "{warnings}");
    assert!(warnings.contains("{sensors.temperature}"), "{warnings}");
    let tokens = |line: &Value| line["reply"]["prompt_tokens"].as_u64().unwrap();
    assert!(tokens(&lines[0]) > tokens(&lines[1]));
    assert!(lines[2].get("reply").is_none(), "{}", lines[2]);
}

#[test]
fn without_a_prompt_the_step_answers_what_was_written_or_said() {
    let folder = tempfile::tempdir().unwrap();
    let sound = root().join(data("cards-001.wav")).display().to_string();
    let records = [serde_json::json!({"id": "a", "text": "the house"}), serde_json::json!({"id": "b", "audio": sound})];
    let lines = pipeline(folder.path(), "chat: {max_tokens: 4}", &records).expect(0).json();
    assert!(lines.iter().all(|line| line["reply"]["tokens"] == 4), "{lines:?}");
}

#[test]
fn a_device_file_with_a_wrong_prompt_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (steps, words) in [
        ("chat: {prompt: '{speech}'}", ["unknown field `{speech}`", "{sensors.NAME}"]),
        ("chat: {prompt: '{caption}'}", ["`chat` needs the result of `caption`", "does not come before it"]),
        ("chat: {max_tokens: 0}", ["`chat`: max_tokens", "must be at least 1"]),
    ] {
        pipeline(folder.path(), steps, &[]).expect(WRONG_USE).expect_error(&words);
    }
}

#[test]
fn a_damaged_chat_template_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("llm");
    fs::create_dir(&model).unwrap();
    for entry in fs::read_dir(root().join("tests/fixtures/tiny/llm")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, model.join(path.file_name().unwrap())).unwrap();
    }
    let described = fs::read_to_string(model.join("model.yaml")).unwrap();
    let check = || run(tiny_command().args(["check", model.to_str().unwrap()]));
    check().expect(0);
    let template = fs::read_to_string(model.join("chat_template.jinja")).unwrap();
    let entry = |text: &str| {
        use sha2::{Digest, Sha256};
        let hash: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
        (hash, text.len().to_string())
    };
    let (old, new) = (entry(&template), entry("{% for %}"));
    fs::write(model.join("chat_template.jinja"), "{% for %}").unwrap();
    check().expect(3).expect_error(&["chat_template.jinja", "damaged"]);
    let text =
        described.replace(&old.0, &new.0).replace(&format!("bytes: {}}}", old.1), &format!("bytes: {}}}", new.1));
    fs::write(model.join("model.yaml"), text.replace(&format!("bytes: {}\n", old.1), &format!("bytes: {}\n", new.1)))
        .unwrap();
    check().expect(3).expect_error(&["chat_template.jinja: not a usable chat template", "line 1"]);
}

#[test]
fn an_answer_has_the_form_of_a_schema_or_is_one_of_the_choices() {
    let folder = tempfile::tempdir().unwrap();
    let schema = folder.path().join("verdict.json");
    fs::write(&schema, r#"{"type": "object", "properties": {"open": {"type": "boolean"}}, "required": ["open"], "additionalProperties": false}"#)
        .unwrap();
    let run = tiny(["chat", "--max-tokens", "60", "--schema", schema.to_str().unwrap(), "Is it open?"]).expect(0);
    let found: Value = serde_json::from_str(run.stdout.trim()).unwrap();
    assert!(found["open"].is_boolean(), "{found}");
    let run = tiny(["chat", "--choice", "ok", "--choice", "stop", "Is it open?"]).expect(0);
    assert!(["ok", "stop"].contains(&run.stdout.trim()), "{}", run.stdout);
    let run = tiny(["chat", "--max-tokens", "2", "--schema", schema.to_str().unwrap(), "Is it open?"]);
    assert!(run.stdout.ends_with('\n'), "{}", run.stdout);
    run.expect(SOME_FAILED).expect_error(&["the answer was not complete after 2 tokens"]);
    let possible = fs::read(&schema).unwrap();
    for (impossible, why) in [
        (r##"{"$ref": "#"}"##, "form: no text matches it"),
        (r#"{"type": "integer", "minimum": 5, "maximum": 3}"#, "minimum"),
    ] {
        fs::write(&schema, impossible).unwrap();
        let run = tiny(["chat", "--schema", schema.to_str().unwrap(), "Is it open?"]).expect(WRONG_USE);
        assert!(run.stderr.len() < 300, "{}", run.stderr);
        run.expect_error(&["the answer cannot have this form", why]);
    }
    fs::write(&schema, possible).unwrap();
    // In a pipeline, with the file beside the device file.
    let records = [serde_json::json!({"id": "a", "text": "the house"})];
    let steps = |options: &str| format!("chat: {{schema: verdict.json, {options}}}");
    let line = pipeline(folder.path(), &steps("max_tokens: 60"), &records).expect(0).json().remove(0);
    assert!(line["reply"]["text"].as_str().unwrap().starts_with("{\"open\": "), "{line}");
    let line = pipeline(folder.path(), &steps("max_tokens: 2"), &records).expect(SOME_FAILED).json().remove(0);
    assert!(line["reply"]["error"].as_str().unwrap().contains("not complete after 2 tokens"), "{line}");
    fs::write(&schema, "[]").unwrap();
    pipeline(folder.path(), &steps("max_tokens: 2"), &records)
        .expect(WRONG_USE)
        .expect_error(&["verdict.json", "object"]);
    fs::remove_file(&schema).unwrap();
    pipeline(folder.path(), &steps("max_tokens: 2"), &records)
        .expect(WRONG_USE)
        .expect_error(&["verdict.json does not exist"]);
}
