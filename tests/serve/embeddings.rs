//! OpenAI's API for embeddings, of texts, pictures and sounds.

use serde_json::{Value, json};

use crate::binary::{data, root, tiny};
use crate::server::{Server, device_file};

const PATH: &str = "/v1/embeddings";

fn base64(name: &str) -> String {
    base64::encode(std::fs::read(root().join(data(name))).unwrap())
}

fn picture() -> Value {
    json!({"image": format!("data:image/png;base64,{}", base64("easyvqa-23.png"))})
}

fn ask(model: &str, input: Value) -> Value {
    json!({"model": model, "input": input})
}

/// The embeddings in an answer, each checked to be one of 8 numbers in its place.
#[track_caller]
fn embeddings(answer: &Value) -> Vec<&Value> {
    assert_eq!(answer["object"], "list", "{answer}");
    let data = answer["data"].as_array().unwrap();
    for (index, entry) in data.iter().enumerate() {
        assert_eq!((&entry["object"], &entry["index"]), (&"embedding".into(), &index.into()), "{answer}");
        assert_eq!(entry["embedding"].as_array().unwrap().len(), 8, "{answer}");
    }
    data.iter().map(|entry| &entry["embedding"]).collect()
}

#[test]
fn texts_and_pictures_have_the_embeddings_of_match() {
    let server = Server::start();
    let text = "a red circle";
    let arguments = ["--quiet", "--format", "json", "match", "--embeddings", &data("easyvqa-23.png"), "--text", text];
    let line = tiny(arguments).expect(0).json().remove(0);
    let matched = &line["match"]["embeddings"];
    let input = json!([text, {"text": text}, picture(), {"image": {"base64": base64("easyvqa-23.png")}}]);
    let answer = server.json(PATH, &ask("blip", input)).expect(200).json();
    let expected = [&matched["texts"][0], &matched["texts"][0], &matched["image"], &matched["image"]];
    assert_eq!(embeddings(&answer), expected);
    assert_eq!(answer["model"], "blip");
    // Two texts of three words, between a start and an end token.
    assert_eq!(answer["usage"], json!({"prompt_tokens": 10, "total_tokens": 10}));
    let mut one = ask("blip", text.into());
    for key in ["encoding_format", "dimensions", "user"] {
        one[key] = Value::Null;
    }
    let one = server.json(PATH, &one).expect(200).json();
    assert_eq!(embeddings(&one), expected[..1]);
}

#[test]
fn a_student_embeds_sounds_too() {
    let server = Server::start();
    let sound = base64("question-color.wav");
    let input = json!([{"audio": {"base64": sound}}, {"audio": format!("data:audio/wav;base64,{sound}")}, picture()]);
    let answer = server.json(PATH, &ask("student", input)).expect(200).json();
    let found = embeddings(&answer);
    assert_eq!(found[0], found[1]);
    assert_ne!(found[0], found[2]);
    assert_eq!(answer["usage"]["prompt_tokens"], 0);
}

#[test]
fn base64_has_the_numbers_of_the_list() {
    let server = Server::start();
    let mut body = ask("blip", json!(["a red circle", picture()]));
    let list = server.json(PATH, &body).expect(200).json();
    body["encoding_format"] = "base64".into();
    // Fields of other services, and the right number of dimensions.
    body["user"] = "me".into();
    body["dimensions"] = 8.into();
    let encoded = server.json(PATH, &body).expect(200).json();
    for (entry, expected) in encoded["data"].as_array().unwrap().iter().zip(embeddings(&list)) {
        let bytes = base64::decode(entry["embedding"].as_str().unwrap()).unwrap();
        let numbers: Vec<f32> = bytes.chunks_exact(4).map(|it| f32::from_le_bytes(it.try_into().unwrap())).collect();
        assert_eq!(numbers, serde_json::from_value::<Vec<f32>>(expected.clone()).unwrap());
    }
}

#[test]
fn the_model_is_named_or_that_of_the_step_or_the_only_one() {
    let server = Server::start();
    let body = ask("edgefuse", "red".into());
    let several = ["`blip` and `student` can embed; choose one"];
    server.json(PATH, &body).expect_error(400, "invalid_request", &several);
    server.json(PATH, &json!({"input": "red"})).expect_error(400, "invalid_request", &several);
    let unknown = ask("text-embedding-3-small", "red".into());
    server.json(PATH, &unknown).expect_error(404, "model_not_found", &["`text-embedding-3-small`", "blip"]);
    let whisper = ask("whisper", "red".into());
    server.json(PATH, &whisper).expect_error(400, "invalid_request", &["can transcribe, but cannot embed"]);

    let folder = tempfile::tempdir().unwrap();
    let file = device_file(folder.path(), "", "http: {listen: 127.0.0.1:0}");
    let text = std::fs::read_to_string(&file).unwrap() + "pipeline: [embed: {model: student}]\n";
    std::fs::write(&file, text).unwrap();
    let chosen = Server::of(folder, &file, &[]);
    let answer = chosen.json(PATH, &body).expect(200).json();
    assert_eq!(answer["model"], "edgefuse");
    let named = server.json(PATH, &ask("student", "red".into())).expect(200).json();
    assert_eq!(embeddings(&answer), embeddings(&named));
    // The step is part of the pipeline, too.
    let result = chosen.json("/v1/run", &json!({"text": "red"})).expect(200).json();
    assert_eq!(&result["embed"]["text"], embeddings(&named)[0]);
}

#[test]
fn what_cannot_be_embedded_is_refused() {
    let server = Server::start();
    let refused = |input: Value, words: &[&str]| {
        server.json(PATH, &ask("blip", input)).expect_error(400, "invalid_request", words);
    };
    refused(json!([]), &["`input`: must be 1 to 256"]);
    refused(json!(""), &["`input[0]`: the text is empty"]);
    refused(json!(["a", " "]), &["`input[1]`: the text is empty"]);
    refused(json!([1, 2, 3]), &["not tokens"]);
    refused(json!([[1, 2], [3]]), &["not tokens"]);
    refused(json!(null), &["a text, or a list"]);
    refused(json!([{"image": "/etc/passwd"}]), &["`input[0]`: only data URLs are accepted", "fetches nothing"]);
    refused(json!(["a", {"image": "http://127.0.0.1/a.png"}]), &["`input[1]`: only data URLs are accepted"]);
    refused(json!([{"audio": "file:///etc/passwd"}]), &["only data URLs are accepted (`data:audio/wav"]);
    refused(json!([{"image": "data:image/png,abc"}]), &["must be base64"]);
    refused(json!([{"image": {"base64": "*"}}]), &["base64"]);
    refused(json!([{"image": {"path": "/etc/passwd"}}]), &["unknown field `path`"]);
    refused(json!([{"text": "a", "audio": {"base64": ""}}]), &["exactly one of"]);
    refused(json!(vec!["a"; 257]), &["more than 256"]);

    let with = |key: &str, value: Value| {
        let mut body = ask("blip", "red".into());
        body[key] = value;
        server.json(PATH, &body)
    };
    with("dimensions", 4.into()).expect_error(400, "invalid_request", &["`dimensions`", "must be 8"]);
    with("encoding_format", "hex".into()).expect_error(400, "invalid_request", &["unknown variant `hex`"]);
    server.json(PATH, &json!({"model": "blip"})).expect_error(400, "invalid_request", &["missing field `input`"]);
    let kind = [("content-type", "text/plain")];
    server.client().send("POST", PATH, &kind, b"{}").expect_error(415, "unsupported_media_type", &["application/json"]);

    let unusable = |input: Value, words: &[&str]| {
        server.json(PATH, &ask("blip", input)).expect_error(400, "invalid_input", words);
    };
    unusable(json!(["a", {"image": {"base64": "aGVsbG8="}}]), &["input[1]: ", "(picture in memory)"]);
    unusable(json!([{"audio": {"base64": base64("question-color.wav")}}]), &["does not embed audio; it embeds image"]);
    unusable(json!(["w10 ".repeat(100)]), &["input[0]: ", "has 102 tokens"]);
    // After all that the service works as before.
    server.json(PATH, &ask("blip", json!(vec!["a"; 256]))).expect(200);
}
