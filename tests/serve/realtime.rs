//! Live transcription over WebSocket, with the events of OpenAI's Realtime API.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::client::Response;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Error, Message, WebSocket};

use crate::binary::{data, root, tiny_command};
use crate::server::{KEY, Server, device_file};
use crate::stream::{raw, transcribe};

const COMPLETED: &str = "conversation.item.input_audio_transcription.completed";
const DELTA: &str = "conversation.item.input_audio_transcription.delta";

struct Session(WebSocket<TcpStream>);

fn connect(server: &Server, headers: &[(&'static str, &str)]) -> Result<(Session, Response), Error> {
    let address = server.http.as_ref().unwrap();
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
    let mut request = format!("ws://{address}/v1/realtime?intent=transcription").into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    match tungstenite::client(request, stream) {
        Ok((socket, response)) => Ok((Session(socket), response)),
        Err(tungstenite::HandshakeError::Failure(error)) => Err(error),
        Err(interrupted) => panic!("{interrupted}"),
    }
}

/// The status with which a session is refused.
fn refusal(server: &Server, headers: &[(&'static str, &str)]) -> u16 {
    match connect(server, headers) {
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was not refused"),
    }
}

impl Session {
    /// A session, after its first event.
    fn open(server: &Server) -> Self {
        let (mut session, _) = connect(server, &[]).unwrap();
        assert_eq!(session.expect("session.created")["session"]["type"], "transcription");
        session
    }

    fn send(&mut self, event: &Value) {
        self.0.send(Message::text(event.to_string())).unwrap();
    }

    fn next(&mut self) -> Value {
        loop {
            match self.0.read().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Close(frame) => panic!("closed: {frame:?}"),
                _ => {}
            }
        }
    }

    #[track_caller]
    fn expect(&mut self, kind: &str) -> Value {
        let event = self.next();
        assert_eq!(event["type"], kind, "{event}");
        assert!(event["event_id"].as_str().is_some_and(|id| id.starts_with("event_")), "{event}");
        event
    }

    #[track_caller]
    fn expect_error(&mut self, code: &str, words: &str) {
        let event = self.expect("error");
        assert_eq!(event["error"]["code"], code, "{event}");
        assert!(event["error"]["message"].as_str().unwrap().contains(words), "{words}: {event}");
    }

    /// The code with which the server closes.
    fn end(mut self) -> CloseCode {
        loop {
            match self.0.read().unwrap() {
                Message::Close(frame) => return frame.unwrap().code,
                _ => continue,
            }
        }
    }

    fn append(&mut self, samples: &[u8]) {
        for chunk in samples.chunks(4_800) {
            self.send(&json!({"type": "input_audio_buffer.append", "audio": base64::encode(chunk)}));
        }
    }

    fn commit(&mut self) {
        self.send(&json!({"type": "input_audio_buffer.commit"}));
    }

    /// Changes the input; events before the answer are returned.
    fn update(&mut self, input: Value) -> Vec<Value> {
        self.send(&json!({"type": "session.update", "session": {"type": "transcription", "audio": {"input": input}}}));
        let mut before = Vec::new();
        loop {
            let event = self.next();
            if event["type"] == "session.updated" {
                return before;
            }
            before.push(event);
        }
    }
}

fn samples() -> Vec<u8> {
    raw("librivox-0930.wav")
}

fn texts<'a>(events: &'a [Value], kind: &str, key: &str) -> Vec<&'a str> {
    events.iter().filter(|event| event["type"] == kind).map(|event| event[key].as_str().unwrap()).collect()
}

#[test]
fn live_speech_is_what_the_command_line_hears() {
    let server = Server::start();
    let mut session = Session::open(&server);
    assert!(session.update(json!({"format": {"type": "audio/pcm", "rate": 16_000}})).is_empty());
    session.append(&samples());
    session.commit();
    let events = session.update(json!({}));
    let printed = transcribe(tiny_command(), &samples(), &["--language", "auto"]).expect(0).stdout;
    assert_eq!(texts(&events, COMPLETED, "transcript").join(" "), printed.trim().replace('\n', " "));
    let kinds: Vec<&str> =
        events.iter().map(|event| event["type"].as_str().unwrap()).filter(|kind| *kind != DELTA).collect();
    let item = [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        COMPLETED,
    ];
    assert!(!kinds.is_empty() && kinds.chunks(item.len()).all(|chunk| chunk == item), "{kinds:?}");
    assert!(
        events.iter().filter_map(|event| event.get("item_id")).all(|id| *id == events[0]["item_id"] || kinds.len() > 6)
    );
    // Without speech, a commit is answered by an empty item.
    session.append(&vec![0; 32_000]);
    session.commit();
    let events = session.update(json!({}));
    assert_eq!(texts(&events, COMPLETED, "transcript"), [""]);
}

#[test]
fn a_client_may_commit_utterances_itself() {
    let server = Server::start();
    let mut session = Session::open(&server);
    session.update(json!({"turn_detection": null, "format": {"type": "audio/pcm", "rate": 16_000}}));
    session.append(&samples());
    session.commit();
    let events = session.update(json!({}));
    let fields = [("model", "whisper-1")];
    let wav = std::fs::read(root().join(data("librivox-0930.wav"))).unwrap();
    let posted = server.client().form("/v1/audio/transcriptions", &fields, &wav).expect(200).json();
    assert_eq!(texts(&events, COMPLETED, "transcript"), [posted["text"].as_str().unwrap()]);
    assert_eq!(texts(&events, DELTA, "delta").concat(), posted["text"].as_str().unwrap());
    assert!(events.last().unwrap()["usage"]["seconds"].as_f64().unwrap() > 1.0);
    // Sound that was cleared is not transcribed.
    session.append(&samples());
    session.send(&json!({"type": "input_audio_buffer.clear"}));
    session.expect("input_audio_buffer.cleared");
    session.commit();
    session.expect_error("input_audio_buffer_commit_empty", "no sound");
}

#[test]
fn invalid_events_change_nothing() {
    let server = Server::start();
    let mut session = Session::open(&server);
    for (event, words) in [
        (json!({"type": "response.create", "event_id": "mine"}), "`response.create` is not supported"),
        (json!({"type": "input_audio_buffer.append", "audio": "AAAA"}), "whole number of 16-bit samples"),
        (json!({"type": "input_audio_buffer.append", "audio": "*"}), "`audio`"),
        (json!({"type": "session.update", "session": {"type": "realtime"}}), "only `transcription`"),
        (
            json!({"type": "session.update", "session": {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 1}}}}}),
            "rate must be within",
        ),
        (
            json!({"type": "session.update", "session": {"audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 7}}}}}),
            "threshold: 7 is not between",
        ),
        (
            json!({"type": "session.update", "session": {"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}}}),
            "`semantic_vad` is not supported",
        ),
        (json!([]), "an event is not as expected"),
    ] {
        session.send(&event);
        session.expect_error("invalid_request", words);
    }
    let model = json!({"transcription": {"model": "gpt-9"}});
    session.send(&json!({"type": "session.update", "session": {"audio": {"input": model}}}));
    session.expect_error("model_not_found", "gpt-9");
    session.commit();
    session.expect_error("input_audio_buffer_commit_empty", "no sound");
    session.0.send(Message::binary(vec![0, 1])).unwrap();
    session.expect_error("invalid_request", "JSON in text messages");
    assert!(session.update(json!({"turn_detection": {"type": "server_vad", "silence_duration_ms": 300}})).is_empty());
}

#[test]
fn what_cannot_be_transcribed_is_reported_once_and_can_be_mended() {
    let server = Server::start();
    let mut session = Session::open(&server);
    session.update(json!({"transcription": {"language": "klingon"}, "format": {"type": "audio/pcm", "rate": 16_000}}));
    session.append(&samples());
    session.expect_error("invalid_request", "klingon");
    assert!(session.update(json!({"transcription": {"language": "en"}})).is_empty());
    session.append(&samples());
    session.commit();
    let events = session.update(json!({}));
    assert!(!texts(&events, COMPLETED, "transcript").concat().is_empty(), "{events:?}");
}

#[test]
fn clients_of_the_beta_version_have_its_names() {
    let server = Server::start();
    let (mut session, _) = connect(&server, &[("openai-beta", "realtime=v1")]).unwrap();
    session.expect("transcription_session.created");
    let settings = json!({"input_audio_format": "pcm16", "input_audio_transcription": {"model": "whisper"}, "turn_detection": null});
    session.send(&json!({"type": "transcription_session.update", "session": settings}));
    let updated = session.expect("transcription_session.updated");
    assert_eq!(updated["session"]["input_audio_transcription"]["model"], "whisper");
    assert!(updated["session"]["turn_detection"].is_null());
}

#[test]
fn sessions_are_limited_and_freed() {
    let server = Server::with("", "http: {listen: 127.0.0.1:0, limits: {live: 1}}", &[]);
    let mut session = Session::open(&server);
    assert_eq!(refusal(&server, &[]), 503);
    session.append(&samples());
    drop(session);
    server.wait_for("edgefuse_live_sessions", 0.0);
    let _again = Session::open(&server);
    assert_eq!(server.metric("edgefuse_rejections_total{reason=\"live_sessions\"}"), 1.0);
    server.get("/v1/realtime").expect_error(426, "upgrade_required", &["WebSocket"]);
}

#[test]
fn a_session_without_events_ends() {
    let server = Server::with("", "http: {listen: 127.0.0.1:0, limits: {live_idle: 1s}}", &[]);
    let mut session = Session::open(&server);
    session.expect_error("invalid_request", "idle limit");
    assert_eq!(session.end(), CloseCode::Away);
}

#[test]
fn a_client_that_waits_for_a_transcript_is_not_idle() {
    let transcribed = |idle: Duration| {
        let limits = format!("http: {{listen: 127.0.0.1:0, limits: {{live_idle: {}ms}}}}", idle.as_millis());
        let server = Server::with("", &limits, &[]);
        let mut session = Session::open(&server);
        session.update(json!({"turn_detection": null, "format": {"type": "audio/pcm", "rate": 16_000}}));
        session.append(&samples().repeat(40)[..100 * 32_000]);
        session.commit();
        session.expect("input_audio_buffer.committed");
        let started = Instant::now();
        while session.next()["type"] != COMPLETED {}
        (started.elapsed(), session, server)
    };
    // However fast this machine is, the second client waits for longer than it may be idle.
    let idle = transcribed(Duration::from_secs(60)).0 / 2;
    let (took, mut session, _server) = transcribed(idle);
    assert!(took > idle, "{took:?} is not longer than {idle:?}");
    // Not at once: what it sends in the same moment would be handled first.
    std::thread::sleep(Duration::from_millis(20));
    session.send(&json!({"type": "input_audio_buffer.clear"}));
    session.expect("input_audio_buffer.cleared");
    session.expect_error("invalid_request", "idle limit");
}

#[test]
fn what_was_said_is_sent_before_the_service_stops() {
    let server = Server::start();
    let mut session = Session::open(&server);
    session.update(json!({"format": {"type": "audio/pcm", "rate": 16_000}}));
    session.append(&samples());
    session.expect("input_audio_buffer.speech_started");
    server.signal("-TERM");
    let mut kinds = Vec::new();
    let code = loop {
        match session.0.read().unwrap() {
            Message::Text(text) => {
                let event: Value = serde_json::from_str(&text).unwrap();
                kinds.push(event["type"].as_str().unwrap().to_string());
            }
            Message::Close(frame) => break frame.unwrap().code,
            _ => {}
        }
    };
    assert_eq!(code, CloseCode::Away);
    assert_eq!(kinds.last().map(String::as_str), Some(COMPLETED), "{kinds:?}");
    assert_eq!(server.end().0, Some(0));
}

#[test]
fn browsers_send_the_key_as_a_subprotocol() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), KEY).unwrap();
    let file = device_file(folder.path(), "", "http: {listen: 127.0.0.1:0, api_key_file: key}");
    let server = Server::of(folder, &file, &[]);
    assert_eq!(refusal(&server, &[]), 401);
    assert_eq!(refusal(&server, &[("sec-websocket-protocol", "realtime, openai-insecure-api-key.wrong")]), 401);
    let protocols = format!("realtime, openai-insecure-api-key.{KEY}");
    let (mut session, response) = connect(&server, &[("sec-websocket-protocol", &protocols)]).unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "realtime");
    session.expect("session.created");
    assert_eq!(
        refusal(&server, &[("authorization", &format!("Bearer {KEY}")), ("origin", "http://evil.example")]),
        403
    );
}
