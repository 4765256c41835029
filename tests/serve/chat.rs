//! OpenAI's API for chats, over pictures and sound.

use serde_json::{Value, json};

use crate::binary::{data, root, tiny};
use crate::server::Server;

const PATH: &str = "/v1/chat/completions";

fn base64(name: &str) -> String {
    base64::encode(std::fs::read(root().join(data(name))).unwrap())
}

fn picture() -> Value {
    let url = format!("data:image/png;base64,{}", base64("easyvqa-23.png"));
    json!({"type": "image_url", "image_url": {"url": url, "detail": "low"}})
}

fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

fn chat(parts: &[Value]) -> Value {
    json!({"model": "blip", "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": parts}]})
}

fn content(server: &Server, parts: &[Value]) -> String {
    let answer = server.json(PATH, &chat(parts)).expect(200).json();
    assert_eq!((&answer["object"], &answer["model"]), (&"chat.completion".into(), &"blip".into()), "{answer}");
    answer["choices"][0]["message"]["content"].as_str().unwrap().to_string()
}

#[test]
fn a_picture_is_captioned_and_a_question_about_it_answered() {
    let server = Server::start();
    let image = data("easyvqa-23.png");
    let printed = |arguments: &[&str]| {
        let lines = tiny([&["--quiet", "--format", "json"], arguments].concat()).expect(0).json();
        let step = if arguments[0] == "ask" { "answer" } else { "caption" };
        lines[0][step]["text"].as_str().unwrap().to_string()
    };
    let caption = printed(&["caption", &image]);
    assert_eq!(content(&server, &[picture()]), caption);
    assert_eq!(content(&server, &[text("Describe it."), picture()]), caption);
    assert_eq!(
        content(&server, &[text("what color is it?"), picture()]),
        printed(&["ask", &image, "what color is it?"])
    );
    assert_eq!(content(&server, &[picture(), picture()]), format!("{caption}\n{caption}"));
    let mut body = chat(&[picture()]);
    body["response_format"] = json!({"type": "json_object"});
    let answer = server.json(PATH, &body).expect(200).json();
    let object: Value = serde_json::from_str(answer["choices"][0]["message"]["content"].as_str().unwrap()).unwrap();
    assert_eq!(object, json!({"caption": caption}));
}

#[test]
fn a_sound_is_transcribed_or_the_question_about_a_picture() {
    let server = Server::start();
    let sound = json!({"type": "input_audio", "input_audio": {"data": base64("librivox-0930.wav"), "format": "wav"}});
    let body = json!({"model": "edgefuse", "messages": [{"role": "user", "content": [sound]}]});
    let answer = server.json(PATH, &body).expect(200).json();
    assert!(!answer["choices"][0]["message"]["content"].as_str().unwrap().is_empty(), "{answer}");
    let body = json!({"model": "edgefuse", "messages": [{"role": "user", "content": [sound, picture()]}]});
    // The made model writes more than the other made model reads as a question: both ran.
    let answer = server.json(PATH, &body);
    assert!(answer.status == 200 || answer.text().contains("question"), "{}", answer.text());
}

#[test]
fn a_stream_is_chunks() {
    let server = Server::start();
    let mut body = chat(&[picture()]);
    let usage = server.json(PATH, &body).expect(200).json()["usage"].clone();
    // The device file's `min_tokens`.
    assert_eq!((&usage["prompt_tokens"], &usage["completion_tokens"]), (&0.into(), &3.into()), "{usage}");
    body["stream"] = true.into();
    let chunks = |body: &Value| {
        let mut events = server.json(PATH, body).expect(200).events();
        assert_eq!(events.pop().as_deref(), Some("[DONE]"));
        let chunks: Vec<Value> = events.iter().map(|event| serde_json::from_str(event).unwrap()).collect();
        assert!(chunks.iter().all(|chunk| chunk["object"] == "chat.completion.chunk"));
        chunks
    };
    let whole = chunks(&body);
    assert_eq!(whole[0]["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(whole[1]["choices"][0]["delta"]["content"], content(&server, &[picture()]));
    assert_eq!((&whole[2]["choices"][0]["finish_reason"], whole.len()), (&"stop".into(), 3));
    body["stream_options"] = json!({"include_usage": true});
    let counted = chunks(&body);
    assert_eq!((&counted[3]["choices"], &counted[3]["usage"]), (&json!([]), &usage));
}

#[test]
fn what_cannot_be_answered_is_refused() {
    let server = Server::start();
    let refused = |body: &Value, words: &[&str]| server.json(PATH, body).expect_error(400, "invalid_request", words);
    let with = |key: &str, value: Value| {
        let mut body = chat(&[picture()]);
        body[key] = value;
        body
    };
    let url = |url: &str| chat(&[json!({"type": "image_url", "image_url": {"url": url}})]);
    refused(&url("http://127.0.0.1/a.png"), &["only data URLs", "fetches nothing"]);
    refused(&url("file:///etc/passwd"), &["only data URLs"]);
    refused(&url("data:image/png,abc"), &["must be base64"]);
    refused(&url("data:image/png;base64,*"), &["base64: "]);
    refused(&chat(&[text("hello")]), &["no picture and no sound"]);
    refused(&json!({"messages": []}), &["no message with the role `user`"]);
    refused(&json!({"messages": [{"role": "user", "content": [{"type": "video"}]}]}), &["the body is not as expected"]);
    refused(&with("n", 2.into()), &["`n`"]);
    refused(&with("response_format", json!({"type": "grammar"})), &["`grammar` is not text"]);
    refused(&with("max_tokens", 0.into()), &["max_tokens"]);
    let picture = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,aGVsbG8="}});
    server.json(PATH, &chat(&[picture])).expect_error(400, "invalid_input", &["(picture in memory)"]);
    let many: Vec<Value> = (0..33).map(|_| self::picture()).collect();
    refused(&chat(&many), &["more than 32 pictures"]);
    let kind = [("content-type", "text/plain")];
    server.client().send("POST", PATH, &kind, b"{}").expect_error(415, "unsupported_media_type", &["application/json"]);
    let kind = [("content-type", "application/json")];
    let deep = "[".repeat(100_000);
    server.client().send("POST", PATH, &kind, deep.as_bytes()).expect_error(
        400,
        "invalid_request",
        &["not as expected"],
    );
}

#[test]
fn models_are_listed_under_every_name() {
    let server = Server::start();
    let list = server.get("/v1/models").expect(200).json();
    let names: Vec<&str> = list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert_eq!(names, ["blip", "student", "vad", "whisper", "writer", "edgefuse", "whisper-1"]);
    assert_eq!(server.get("/v1/models/blip").expect(200).json()["object"], "model");
    server.get("/v1/models/none").expect_error(404, "model_not_found", &["`none`"]);
}
