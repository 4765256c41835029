//! OpenAI's API for transcripts, and whisper.cpp's.

use serde_json::Value;

use crate::binary::{data, root, tiny};
use crate::server::{Server, device_file};

const PATH: &str = "/v1/audio/transcriptions";

fn speech() -> Vec<u8> {
    std::fs::read(root().join(data("librivox-0930.wav"))).unwrap()
}

/// What the command line writes about the same recording.
fn command_line(format: &str) -> String {
    tiny(["--quiet", "--format", format, "transcribe", &data("librivox-0930.wav")]).expect(0).stdout
}

#[test]
fn every_format_has_what_the_command_line_writes() {
    let server = Server::start();
    let sent = |format: &str| {
        let fields = [("model", "whisper-1"), ("response_format", format)];
        server.client().form(PATH, &fields, &speech()).expect(200)
    };
    let line: Value = serde_json::from_str(&command_line("json")).unwrap();
    let text = line["transcript"]["text"].as_str().unwrap();
    assert!(!text.is_empty());
    assert_eq!(sent("json").json()["text"], text);
    assert_eq!(sent("text").text(), format!("{text}\n"));
    assert_eq!(sent("srt").text(), command_line("srt"));
    assert_eq!(sent("vtt").text(), command_line("vtt"));
    let verbose = sent("verbose_json").json();
    assert_eq!((&verbose["task"], &verbose["language"]), (&"transcribe".into(), &"english".into()));
    let (segments, expected) = (&verbose["segments"], line["transcript"]["segments"].as_array().unwrap());
    assert_eq!(segments.as_array().unwrap().len(), expected.len());
    for key in ["start", "end", "tokens", "temperature", "avg_logprob", "compression_ratio", "no_speech_prob"] {
        assert_eq!(segments[0][key], expected[0][key], "{key}");
    }
    assert!(segments[0]["id"] == 0 && segments[0]["seek"].is_u64() && verbose["words"].is_null());
}

#[test]
fn words_come_beside_segments_or_alone() {
    let server = Server::start();
    let sent = |granularities: &[(&str, &str)]| {
        let fields = [&[("model", "whisper"), ("response_format", "verbose_json")], granularities].concat();
        server.client().form(PATH, &fields, &speech()).expect(200).json()
    };
    let (word, segment) = (("timestamp_granularities[]", "word"), ("timestamp_granularities[]", "segment"));
    let both = sent(&[word, segment]);
    let first = &both["words"][0];
    assert!(first["start"].is_number() && first["end"].is_number() && first["word"].is_string(), "{both}");
    assert!(both["segments"].is_array());
    let alone = sent(&[word]);
    assert!(alone["segments"].is_null() && alone["words"] == both["words"]);
}

#[test]
fn a_stream_is_the_text_in_parts() {
    let server = Server::start();
    let fields = [("model", "whisper-1"), ("stream", "true")];
    let answer = server.client().form(PATH, &fields, &speech()).expect(200);
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    let mut events = answer.events();
    assert_eq!(events.pop().as_deref(), Some("[DONE]"));
    let mut events: Vec<Value> = events.iter().map(|event| serde_json::from_str(event).unwrap()).collect();
    let done = events.pop().unwrap();
    assert_eq!(done["type"], "transcript.text.done");
    assert!(!events.is_empty() && events.iter().all(|event| event["type"] == "transcript.text.delta"));
    let joined: String = events.iter().map(|event| event["delta"].as_str().unwrap()).collect();
    assert_eq!(joined.trim(), done["text"].as_str().unwrap());
    // What fails before the first part has a status of its own.
    server.client().form(PATH, &fields, b"no sound").expect_error(400, "invalid_input", &["is not audio"]);
}

#[test]
fn log_probabilities_belong_to_the_tokens_of_the_text() {
    let server = Server::start();
    for beams in ["1", "2"] {
        let fields = [("model", "whisper-1"), ("include[]", "logprobs"), ("beams", beams), ("vad", "false")];
        let answer = server.client().form(PATH, &fields, &speech()).expect(200).json();
        let logprobs = answer["logprobs"].as_array().unwrap();
        let joined: String = logprobs.iter().map(|it| it["token"].as_str().unwrap()).collect();
        assert_eq!(joined.trim(), answer["text"].as_str().unwrap());
        assert!(logprobs.iter().all(|it| it["logprob"].as_f64().unwrap() <= 0.0 && it["bytes"].is_array()), "{answer}");
    }
    let fields = [("model", "whisper-1"), ("include[]", "logprobs"), ("response_format", "srt")];
    server.client().form(PATH, &fields, &speech()).expect_error(400, "invalid_request", &["need a JSON"]);
}

#[test]
fn whisper_cpp_clients_change_one_address() {
    let server = Server::start();
    let fields = [("temperature", "0.0"), ("temperature_inc", "0.2"), ("response_format", "verbose_json")];
    let verbose = server.client().form("/inference", &fields, &speech()).expect(200).json();
    assert!(verbose["segments"][0]["words"][0]["probability"].is_number(), "{verbose}");
    let json = server.client().form("/inference", &[("no_context", "true")], &speech()).expect(200).json();
    assert_eq!(json.as_object().unwrap().keys().collect::<Vec<_>>(), ["text"]);
    let mut fields = vec![("translate", "no"), ("vad", "y"), ("stream", "0"), ("best_of", "-1"), ("beam_size", "-1")];
    assert_eq!(server.client().form("/inference", &fields, &speech()).expect(200).json(), json);
    fields[4].1 = "9999";
    server.client().form("/inference", &fields, &speech()).expect_error(400, "invalid_request", &["beams"]);
    let answer = server.client().form(PATH, &[("stream", "1")], &speech()).expect(200);
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
}

#[test]
fn a_chunking_strategy_is_an_option_of_the_speech_detector() {
    let server = Server::start();
    let text =
        |fields: &[(&str, &str)]| server.client().form(PATH, fields, &speech()).expect(200).json()["text"].clone();
    let strict = text(&[("vad", r#"{"threshold": 0.999, "pad_ms": 0, "min_silence_ms": 100}"#)]);
    let parts = [
        ("chunking_strategy[type]", "server_vad"),
        ("chunking_strategy[threshold]", "0.999"),
        ("chunking_strategy[prefix_padding_ms]", "0"),
        ("chunking_strategy[silence_duration_ms]", "100"),
    ];
    assert_eq!(text(&parts), strict);
    assert_ne!(text(&[("chunking_strategy", "auto")]), strict);
    let wrong = [("chunking_strategy[type]", "semantic_vad")];
    server.client().form(PATH, &wrong, &speech()).expect_error(400, "invalid_request", &["`semantic_vad`"]);
}

#[test]
fn a_model_may_be_called_as_a_name_that_leaves_the_choice() {
    let folder = tempfile::tempdir().unwrap();
    let file = device_file(folder.path(), "", "http: {listen: 127.0.0.1:0}");
    let multi = root().join("tests/fixtures/tiny/whisper");
    let more =
        format!("models: {{whisper-1: {{path: {}}}}}\npipeline: [transcribe: {{model: whisper}}]\n", multi.display());
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap() + &more).unwrap();
    let server = Server::of(folder, &file, &[]);
    let list = server.get("/v1/models").expect(200).json();
    let names: Vec<&str> = list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert_eq!(names, ["blip", "student", "vad", "whisper", "whisper-1", "writer", "edgefuse"]);
    let german = |model: &str| server.client().form(PATH, &[("model", model), ("language", "de")], &speech());
    german("whisper-1").expect(200);
    german("whisper").expect_error(400, "invalid_request", &["English-only"]);
    german("none").expect_error(404, "model_not_found", &["there are edgefuse, blip"]);
}

#[test]
fn a_client_that_names_a_language_gets_a_model_that_knows_it() {
    let server = Server::bilingual("");
    let sent = |fields: &[(&str, &str)]| server.client().form(PATH, fields, &speech());
    let refused: &[&str] = &["an English-only model does not support language `de`"];
    sent(&[("model", "whisper"), ("language", "de")]).expect_error(400, "invalid_request", refused);
    for model in ["whisper-1", "multi"] {
        let fields = [("model", model), ("language", "de"), ("response_format", "verbose_json")];
        assert_eq!(sent(&fields).expect(200).json()["language"], "german");
    }
    let fields = [("language", "en"), ("response_format", "verbose_json")];
    assert_eq!(sent(&fields).expect(200).json()["language"], "english");
    sent(&[("language", "klingon")]).expect_error(400, "invalid_request", &["klingon"]);
}

#[test]
fn what_is_wrong_is_named() {
    let server = Server::start();
    let client = server.client();
    let sent = |fields: &[(&str, &str)]| client.form(PATH, fields, &speech());
    sent(&[("model", "gpt-9")]).expect_error(404, "model_not_found", &["`gpt-9`", "whisper-1", "whisper"]);
    sent(&[("model", "blip")]).expect_error(400, "invalid_request", &["cannot transcribe"]);
    sent(&[("response_format", "docx")]).expect_error(400, "invalid_request", &["`docx` is not json"]);
    sent(&[("language", "klingon")]).expect_error(400, "invalid_request", &["klingon"]);
    sent(&[("temperature", "hot")]).expect_error(400, "invalid_request", &["`temperature`"]);
    sent(&[("temperature", "7")]).expect_error(400, "invalid_request", &["temperature"]);
    sent(&[("beams", "9999")]).expect_error(400, "invalid_request", &["beams"]);
    sent(&[("colour", "red")]).expect_error(400, "invalid_request", &["`colour`", "unknown field"]);
    sent(&[("stream", "true"), ("response_format", "srt")]).expect_error(400, "invalid_request", &["stream"]);
    sent(&[("timestamp_granularities[]", "word")]).expect_error(400, "invalid_request", &["verbose_json"]);
    client.form(PATH, &[], b"").expect_error(400, "invalid_input", &["is an empty file"]);
    let kind = [("content-type", "application/json")];
    client.send("POST", PATH, &kind, b"{}").expect_error(415, "unsupported_media_type", &["multipart/form-data"]);
    let kind = [("content-type", "multipart/form-data")];
    client.send("POST", PATH, &kind, b"--x").expect_error(400, "invalid_request", &["the form cannot be read"]);
    let kind = [("content-type", "multipart/form-data; boundary=x")];
    let cut = b"--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nRIFF";
    client.send("POST", PATH, &kind, cut).expect_error(400, "invalid_request", &["the form cannot be read"]);
    client.send("POST", PATH, &kind, b"--x--\r\n").expect_error(400, "invalid_request", &["`file`", "is missing"]);
}
