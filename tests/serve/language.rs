//! OpenAI's chats and completions by the tiny language model, whose texts mean nothing.

use serde_json::{Value, json};

use crate::binary::{data, root};
use crate::server::Server;

const CHAT: &str = "/v1/chat/completions";
const COMPLETION: &str = "/v1/completions";

fn chat(text: &str) -> Value {
    json!({"model": "writer", "max_tokens": 12, "messages": [{"role": "system", "content": "small bridges"}, {"role": "user", "content": text}]})
}

fn with(mut body: Value, key: &str, value: Value) -> Value {
    body[key] = value;
    body
}

fn content(answer: &Value) -> String {
    answer["choices"][0]["message"]["content"].as_str().unwrap().to_string()
}

#[test]
fn a_conversation_is_answered_with_its_usage() {
    let server = Server::start();
    let answer = server.json(CHAT, &chat("the house")).expect(200).json();
    assert_eq!((&answer["object"], &answer["model"]), (&"chat.completion".into(), &"writer".into()), "{answer}");
    assert!(!content(&answer).is_empty());
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
    let usage = &answer["usage"];
    assert_eq!(usage["completion_tokens"], 12, "{usage}");
    assert_eq!(usage["total_tokens"].as_u64(), usage["prompt_tokens"].as_u64().map(|tokens| tokens + 12));
    // Text alone goes to the device's language model whether or not it is named.
    let unnamed = with(chat("the house"), "model", "edgefuse".into());
    assert_eq!(content(&server.json(CHAT, &unnamed).expect(200).json()), content(&answer));
    let parts = json!([{"role": "developer", "content": "small bridges"}, {"role": "user", "content": [{"type": "text", "text": "the house"}]}]);
    assert_eq!(content(&server.json(CHAT, &with(chat(""), "messages", parts)).expect(200).json()), content(&answer));
    let newer = with(with(chat("the house"), "max_completion_tokens", 3.into()), "max_tokens", 40.into());
    assert_eq!(server.json(CHAT, &newer).expect(200).json()["usage"]["completion_tokens"], 3);
}

#[test]
fn a_stream_has_the_same_text_piece_by_piece() {
    let server = Server::start();
    let whole = content(&server.json(CHAT, &chat("the river")).expect(200).json());
    let mut body = with(chat("the river"), "stream", true.into());
    body["stream_options"] = json!({"include_usage": true});
    let mut events = server.json(CHAT, &body).expect(200).events();
    assert_eq!(events.pop().as_deref(), Some("[DONE]"));
    let chunks: Vec<Value> = events.iter().map(|event| serde_json::from_str(event).unwrap()).collect();
    assert_eq!(chunks[0]["choices"][0]["delta"], json!({"role": "assistant", "content": ""}));
    let pieces: Vec<&str> =
        chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert!(pieces.len() > 6, "{pieces:?}");
    assert_eq!(pieces.concat().trim(), whole);
    let (last, before) = (&chunks[chunks.len() - 1], &chunks[chunks.len() - 2]);
    assert_eq!(before["choices"][0]["finish_reason"], "length");
    assert_eq!((&last["choices"], &last["usage"]["completion_tokens"]), (&json!([]), &12.into()), "{last}");
    // What fails before the first piece has a status of its own.
    let long = with(chat(&"the house ".repeat(1_000)), "stream", true.into());
    server.json(CHAT, &long).expect_error(400, "invalid_input", &["the model accepts at most"]);
}

#[test]
fn a_text_is_continued_without_a_template() {
    let server = Server::start();
    let body = json!({"model": "writer", "prompt": "the house and", "max_tokens": 9, "logprobs": 2});
    let answer = server.json(COMPLETION, &body).expect(200).json();
    assert_eq!(answer["object"], "text_completion");
    let logprobs = &answer["choices"][0]["logprobs"];
    assert_eq!(logprobs["tokens"].as_array().unwrap().len(), 9, "{answer}");
    let first = &logprobs["top_logprobs"][0];
    assert_eq!(first.as_object().unwrap().len(), 2, "{first}");
    let chosen = logprobs["tokens"][0].as_str().unwrap();
    assert_eq!(first[chosen], logprobs["token_logprobs"][0], "greedy: the first is the most probable");
    let mut events = server.json(COMPLETION, &with(body, "stream", true.into())).expect(200).events();
    assert_eq!(events.pop().as_deref(), Some("[DONE]"));
    let texts: Vec<Value> = events.iter().map(|event| serde_json::from_str(event).unwrap()).collect();
    let joined: String = texts.iter().filter_map(|event| event["choices"][0]["text"].as_str()).collect();
    assert_eq!(joined.trim(), answer["choices"][0]["text"].as_str().unwrap());
}

#[test]
fn options_change_the_answer() {
    let server = Server::start();
    let answer = |body: &Value| server.json(CHAT, body).expect(200).json();
    let sampled = |seed: i64| {
        let body = with(with(chat("the house"), "temperature", 1.0.into()), "seed", seed.into());
        content(&answer(&with(body, "max_tokens", 40.into())))
    };
    assert_eq!(sampled(1), sampled(1));
    assert_ne!(sampled(1), sampled(2));
    let stopped = answer(&with(with(chat("the house"), "stop", json!(["e", "o"])), "max_tokens", 60.into()));
    assert!(!content(&stopped).contains(['e', 'o']), "{stopped}");
    assert_eq!(stopped["choices"][0]["finish_reason"], "stop");
    let listed = answer(&with(with(chat("the house"), "logprobs", true.into()), "top_logprobs", 3.into()));
    let tokens = listed["choices"][0]["logprobs"]["content"].as_array().unwrap();
    assert_eq!((tokens.len(), tokens[0]["top_logprobs"].as_array().unwrap().len()), (12, 3), "{listed}");
    let bytes: Vec<u8> = tokens
        .iter()
        .flat_map(|token| token["bytes"].as_array().unwrap())
        .map(|byte| byte.as_u64().unwrap() as u8)
        .collect();
    assert_eq!(String::from_utf8_lossy(&bytes).trim(), content(&listed));
    // They are 32-bit numbers, written with the digits that these need.
    let alternatives = tokens.iter().flat_map(|token| token["top_logprobs"].as_array().unwrap());
    for value in tokens.iter().chain(alternatives).map(|it| it["logprob"].as_f64().unwrap()) {
        assert_eq!((value as f32).to_string().parse::<f64>().unwrap(), value);
    }
    let body = json!({"model": "writer", "prompt": "the house and", "max_tokens": 9, "logprobs": 2});
    let listed = server.json(COMPLETION, &body).expect(200).json()["choices"][0]["logprobs"].take();
    let alternatives =
        listed["top_logprobs"].as_array().unwrap().iter().flat_map(|it| it.as_object().unwrap().values());
    for value in listed["token_logprobs"].as_array().unwrap().iter().chain(alternatives).map(|it| it.as_f64().unwrap())
    {
        assert_eq!((value as f32).to_string().parse::<f64>().unwrap(), value);
    }
}

#[test]
fn null_is_the_default() {
    let server = Server::start();
    let asked = chat("the house");
    let expected = content(&server.json(CHAT, &asked).expect(200).json());
    let mut body = asked;
    for key in [
        "stream",
        "stream_options",
        "temperature",
        "top_p",
        "seed",
        "stop",
        "n",
        "logprobs",
        "top_logprobs",
        "response_format",
        "max_completion_tokens",
        "tools",
    ] {
        body[key] = Value::Null;
    }
    assert_eq!(content(&server.json(CHAT, &body).expect(200).json()), expected);
    body["stream_options"] = json!({"include_usage": null});
    assert_eq!(content(&server.json(CHAT, &body).expect(200).json()), expected);
    let body = json!({"model": "writer", "prompt": "a", "max_tokens": 3, "echo": null, "stream": null, "suffix": null});
    server.json(COMPLETION, &body).expect(200);
}

#[test]
fn a_schema_is_kept() {
    let server = Server::start();
    let schema = json!({"type": "object", "properties": {"open": {"type": "boolean"}}, "required": ["open"], "additionalProperties": false});
    let format = json!({"type": "json_schema", "json_schema": {"name": "verdict", "strict": true, "schema": schema}});
    let body = with(with(chat("is it open?"), "response_format", format), "max_tokens", 60.into());
    let object: Value = serde_json::from_str(&content(&server.json(CHAT, &body).expect(200).json())).unwrap();
    assert!(object["open"].is_boolean(), "{object}");
    let nothing = json!({"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "string", "minLength": 3, "maxLength": 1}}});
    let body = with(chat("a"), "response_format", nothing);
    server.json(CHAT, &body).expect_error(400, "invalid_request", &["cannot have this form"]);
}

#[test]
fn a_picture_is_its_caption_to_a_model_that_reads_only_text() {
    let server = Server::start();
    let url = format!(
        "data:image/png;base64,{}",
        base64::encode(std::fs::read(root().join(data("easyvqa-23.png"))).unwrap())
    );
    let parts = json!([{"type": "text", "text": "Why?"}, {"type": "image_url", "image_url": {"url": url}}]);
    let body = with(chat(""), "messages", json!([{"role": "user", "content": parts}]));
    let seen = server.json(CHAT, &body).expect(200).json();
    let alone = with(chat(""), "messages", json!([{"role": "user", "content": "Why?"}]));
    let unseen = server.json(CHAT, &alone).expect(200).json();
    let tokens = |answer: &Value| answer["usage"]["prompt_tokens"].as_u64().unwrap();
    assert!(tokens(&seen) > tokens(&unseen), "{seen} {unseen}");
}

#[test]
fn what_cannot_be_answered_is_refused() {
    let server = Server::start();
    let refused =
        |path: &str, body: &Value, words: &[&str]| server.json(path, body).expect_error(400, "invalid_request", words);
    refused(CHAT, &with(chat("a"), "temperature", 11.into()), &["temperature: 11"]);
    refused(CHAT, &with(chat("a"), "stop", json!([""])), &["stop: a text is empty"]);
    refused(CHAT, &with(chat("a"), "stop", 3.into()), &["the body is not as expected"]);
    refused(
        CHAT,
        &with(with(chat("a"), "logprobs", true.into()), "top_logprobs", 21.into()),
        &["`top_logprobs`", "more than 20"],
    );
    refused(CHAT, &with(chat("a"), "messages", json!([])), &["there is no message"]);
    refused(CHAT, &with(chat("a"), "response_format", json!({"type": "json_schema"})), &["`json_schema` is missing"]);
    refused(COMPLETION, &json!({"model": "writer", "prompt": ["a", "b"]}), &["`prompt`", "only one text"]);
    refused(COMPLETION, &json!({"model": "writer", "prompt": "a", "n": 2}), &["`n`"]);
    refused(COMPLETION, &json!({"model": "writer", "prompt": "a", "echo": true}), &["`echo`"]);
    server.json(COMPLETION, &json!({"model": "writer", "prompt": ""})).expect_error(400, "invalid_input", &["empty"]);
    server.json(COMPLETION, &json!({"model": "none", "prompt": "a"})).expect_error(404, "model_not_found", &["`none`"]);
    refused(COMPLETION, &json!({"model": "blip", "prompt": "a"}), &["chat"]);
}
