//! Home Assistant's protocol for speech.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::binary::{data, root};
use crate::server::{Server, device_file};

struct Client {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Client {
    fn new(server: &Server) -> Self {
        let stream = TcpStream::connect(server.wyoming.as_ref().unwrap()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
        Client { reader: BufReader::new(stream.try_clone().unwrap()), stream }
    }

    /// With the data behind the line, as the reference implementation writes it.
    fn send(&mut self, kind: &str, data: &Value, payload: &[u8]) {
        let data = data.to_string();
        let line = json!({"type": kind, "version": "1.9", "data_length": data.len(), "payload_length": payload.len()});
        let _ = self.stream.write_all(format!("{line}\n{data}").as_bytes());
        let _ = self.stream.write_all(payload);
    }

    fn next(&mut self) -> Option<(String, Value)> {
        let mut line = String::new();
        if self.reader.read_line(&mut line).unwrap_or(0) == 0 {
            return None;
        }
        let event: Value = serde_json::from_str(&line).unwrap();
        Some((event["type"].as_str().unwrap().to_string(), event["data"].clone()))
    }

    fn expect(&mut self, kind: &str) -> Value {
        let (found, data) = self.next().expect("an event");
        assert_eq!(found, kind, "{data}");
        data
    }

    fn say(&mut self, pcm: &[u8]) {
        self.send("transcribe", &json!({"language": "en"}), b"");
        self.send("audio-start", &format(), b"");
        self.sound(pcm);
        self.send("audio-stop", &json!({}), b"");
    }

    fn sound(&mut self, pcm: &[u8]) {
        for chunk in pcm.chunks(2_048) {
            self.send("audio-chunk", &format(), chunk);
        }
    }

    /// The events up to the next of this kind, by their kinds, and its data.
    #[track_caller]
    fn until(&mut self, kind: &str) -> (Vec<String>, Value) {
        let mut before = Vec::new();
        loop {
            match self.next().unwrap_or_else(|| panic!("it ended after {before:?}")) {
                (found, data) if found == kind => return (before, data),
                (found, data) => before.push(if found == "error" { format!("error {data}") } else { found }),
            }
        }
    }

    /// Asserts that it is refused: an error with this code, and then the end.
    #[track_caller]
    fn expect_refusal(&mut self, code: &str) -> String {
        let data = self.expect("error");
        assert_eq!(data["code"], code, "{data}");
        assert!(self.next().is_none());
        data["text"].as_str().unwrap().to_string()
    }
}

fn format() -> Value {
    json!({"rate": 16_000, "width": 2, "channels": 1})
}

/// A hundred seconds of speech.
fn long() -> Vec<u8> {
    pcm().repeat(40)[..100 * 32_000].to_vec()
}

fn pcm() -> Vec<u8> {
    let wav = std::fs::read(root().join(data("librivox-0930.wav"))).unwrap();
    let data = wav.windows(4).position(|four| four == b"data").unwrap();
    wav[data + 8..].to_vec()
}

#[test]
fn an_utterance_becomes_the_transcript_of_the_recording() {
    let server = Server::start();
    let file = std::fs::read(root().join(data("librivox-0930.wav"))).unwrap();
    let expected = server.client().form("/inference", &[("language", "en")], &file).expect(200).json();
    let mut client = Client::new(&server);
    client.send("describe", &json!({}), b"");
    let info = client.expect("info");
    assert_eq!(info["asr"][0]["models"][0]["name"], "whisper", "{info}");
    assert_eq!(info["asr"][0]["models"][0]["languages"], json!(["en"]));
    client.send("something-new", &json!({"a": 1}), b"payload");
    client.send("ping", &json!({"text": "x"}), b"");
    assert_eq!(client.expect("pong"), json!({"text": "x"}));
    for _ in 0..2 {
        client.say(&pcm());
        client.expect("transcript-start");
        let mut chunks = String::new();
        let text = loop {
            match client.next().unwrap() {
                (kind, data) if kind == "transcript-chunk" => chunks += data["text"].as_str().unwrap(),
                (kind, data) => {
                    assert_eq!(kind, "transcript", "{data}");
                    break data["text"].clone();
                }
            }
        };
        assert_eq!((&text, chunks.trim()), (&expected["text"], text.as_str().unwrap()));
        client.expect("transcript-stop");
    }
}

#[test]
fn no_sound_is_an_empty_transcript() {
    let server = Server::start();
    let mut client = Client::new(&server);
    client.say(b"");
    assert_eq!(client.expect("transcript")["text"], "");
    client.expect("transcript-stop");
    client.say(&[0; 64_000]);
    client.expect("transcript-start");
    assert_eq!(client.expect("transcript")["text"], "");
}

#[test]
fn what_is_no_event_ends_the_connection_and_nothing_else() {
    let server = Server::start();
    let garbage = [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"{\"type\": \"audio-start\", \"payload_length\": 99999999999}\n",
        b"\xff\xfe\n",
        &[b'x'; 100_000],
    ];
    for bytes in garbage {
        let mut client = Client::new(&server);
        let _ = client.stream.write_all(bytes);
        if let Some((kind, data)) = client.next() {
            assert_eq!((kind.as_str(), &data["code"]), ("error", &"protocol".into()), "{data}");
        }
        assert!(client.next().is_none());
    }
    // Cut off in the middle of an event.
    let mut cut = Client::new(&server);
    cut.stream.write_all(b"{\"type\": \"audio-chunk\", \"payload_length\": 100}\nabc").unwrap();
    cut.stream.shutdown(Shutdown::Write).unwrap();
    let mut rest = Vec::new();
    let _ = cut.reader.read_to_end(&mut rest);
    let mut client = Client::new(&server);
    client.send("describe", &json!({}), b"");
    client.expect("info");
}

#[test]
fn a_client_that_is_refused_does_not_wait_for_a_transcript() {
    let server = Server::bilingual("sound: 1s");
    let refusal = |say: &dyn Fn(&mut Client), code: &str| {
        let mut client = Client::new(&server);
        say(&mut client);
        client.expect_refusal(code)
    };
    for (rate, width, channels) in [(0, 2, 1), (16_000, 9, 1), (16_000, 2, 0), (99_999_999, 2, 1)] {
        let format = json!({"rate": rate, "width": width, "channels": channels});
        refusal(&|client| client.send("audio-start", &format, b""), "format");
        refusal(&|client| client.send("audio-chunk", &format, b"ab"), "format");
    }
    refusal(&|client| client.send("audio-chunk", &json!({}), b"ab"), "format");
    let other = json!({"rate": 8_000, "width": 2, "channels": 1});
    let change = |client: &mut Client| {
        client.send("audio-start", &format(), b"");
        client.send("audio-chunk", &other, b"ab");
    };
    assert!(refusal(&change, "format").contains("the format differs"));
    assert!(refusal(&|client| client.say(&[0; 16_000 * 2 + 2]), "limit").contains("longer than 1 s"));
    let mut client = Client::new(&server);
    client.send("transcribe", &json!({"language": "klingon"}), b"");
    client.sound(&pcm()[..16_000]);
    client.send("audio-stop", &json!({}), b"");
    client.expect("transcript-start");
    assert!(client.expect_refusal("failed").contains("klingon"));
}

#[test]
fn a_client_that_waits_for_its_transcript_is_not_idle() {
    let transcribed = |idle: Duration| {
        let server = Server::bilingual(&format!("idle: {}ms", idle.as_millis()));
        let mut client = Client::new(&server);
        client.say(&long());
        client.expect("transcript-start");
        let started = Instant::now();
        let (_, data) = client.until("transcript");
        assert!(!data["text"].as_str().unwrap().is_empty());
        (started.elapsed(), client, server)
    };
    // However fast this machine is, the second client waits for longer than it may be idle.
    let idle = transcribed(Duration::from_secs(60)).0 / 2;
    let (took, mut client, _server) = transcribed(idle);
    assert!(took > idle, "{took:?} is not longer than {idle:?}");
    client.expect("transcript-stop");
    // Afterwards it is.
    assert!(client.expect_refusal("protocol").contains("idle limit"));
}

#[test]
fn a_model_that_knows_the_language_is_chosen() {
    let server = Server::bilingual("");
    let spoken = |wanted: Value| {
        let mut client = Client::new(&server);
        client.send("transcribe", &wanted, b"");
        client.sound(&pcm()[..32_000]);
        client.send("audio-stop", &json!({}), b"");
        client.expect("transcript-start");
        match client.until("transcript-stop") {
            (before, _) if before.iter().any(|kind| kind.starts_with("error")) => panic!("{before:?}"),
            _ => server.get("/v1/doctor").expect(200).json(),
        }
    };
    let loaded = |doctor: &Value, name: &str| {
        let models = doctor["models"].as_array().unwrap();
        models.iter().find(|model| model["name"] == name).unwrap()["loaded"].as_bool().unwrap()
    };
    // The device file's choice, as long as it will do.
    for wanted in [json!({}), json!({"language": "en-US"}), json!({"language": "en", "name": "another-service"})] {
        let doctor = spoken(wanted);
        assert!(loaded(&doctor, "whisper") && !loaded(&doctor, "multi"), "{doctor}");
    }
    for wanted in [json!({"language": "de-DE"}), json!({"language": "de", "name": "another-service"})] {
        assert!(loaded(&spoken(wanted), "multi"));
    }
}

#[test]
fn sound_needs_no_start_and_a_stop_no_sound() {
    let server = Server::start();
    let mut client = Client::new(&server);
    client.say(&pcm());
    let (_, started) = client.until("transcript");
    client.expect("transcript-stop");
    client.sound(&pcm());
    client.send("audio-stop", &json!({}), b"");
    assert_eq!(client.until("transcript").1["text"], started["text"]);
    client.expect("transcript-stop");
    client.send("audio-stop", &json!({}), b"");
    assert_eq!(client.expect("transcript")["text"], "");
    client.expect("transcript-stop");
}

#[test]
fn a_client_may_ask_other_things_while_it_waits() {
    let server = Server::start();
    let mut client = Client::new(&server);
    client.say(&long());
    client.send("ping", &json!({"text": "x"}), b"");
    client.send("describe", &json!({}), b"");
    client.send("something-new", &json!({}), b"payload");
    let (before, _) = client.until("transcript");
    let of = |kind: &str| before.iter().filter(|it| it.starts_with(kind)).count();
    assert_eq!((of("pong"), of("info"), of("error")), (1, 1, 0), "{before:?}");
    client.expect("transcript-stop");
    // Another utterance is too early, but does not keep the first from its transcript.
    client.say(&long());
    client.say(&pcm());
    let (before, _) = client.until("transcript-stop");
    assert_eq!(before.last().map(String::as_str), Some("transcript"), "{before:?}");
    assert!(client.expect_refusal("order").contains("wait for the transcript"));
}

#[test]
fn what_is_sent_during_a_transcription_is_not_kept() {
    let server = Server::start();
    let memory = || server.metric("process_resident_memory_bytes");
    let mut client = Client::new(&server);
    client.say(&long());
    client.until("transcript-stop");
    let before = memory();
    client.say(&long());
    client.expect("transcript-start");
    let payload = vec![0; 1 << 20];
    for _ in 0..64 {
        client.send("audio-chunk", &format(), &payload);
    }
    let grown = memory() - before;
    assert!(grown < f64::from(32 << 20), "{grown}");
    let (before, _) = client.until("transcript-stop");
    assert!(before.iter().all(|kind| !kind.starts_with("error")), "{before:?}");
}

#[test]
fn a_reload_changes_limits() {
    let folder = tempfile::tempdir().unwrap();
    let lines = |limits: &str| format!("wyoming: {{listen: 127.0.0.1:0, limits: {{{limits}}}}}");
    let file = device_file(folder.path(), "", &lines("sound: 2s"));
    let mut server = Server::of(folder, &file, &[]);
    let mut before = Client::new(&server);
    before.say(&[0; 48_000]);
    before.until("transcript-stop");
    device_file(server.folder.path(), "", &lines("sound: 1s, connections: 1"));
    server.signal("-HUP");
    assert_eq!(server.line(), "reloaded the device file\n");
    // The one that was open before counts.
    assert!(Client::new(&server).next().is_none());
    drop(before);
    let refused = loop {
        let mut client = Client::new(&server);
        client.say(&[0; 48_000]);
        if let Some((_, data)) = client.next() {
            break data;
        }
    };
    assert_eq!(refused["code"], "limit", "{refused}");
}

#[test]
fn a_client_that_does_not_read_is_idle() {
    let wyoming = "wyoming: {listen: 127.0.0.1:0, limits: {connections: 1, idle: 300ms}}";
    let server = Server::with("", &format!("http: {{listen: 127.0.0.1:0}}, {wyoming}"), &[]);
    let mut first = Client::new(&server);
    // Answers fill what the system holds for the client, until the service stops reading, and then closes.
    first.stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
    let ping = format!("{{\"type\":\"ping\",\"data\":{{\"text\":\"{}\"}}}}\n", "x".repeat(60_000));
    let started = Instant::now();
    while first.stream.write_all(ping.as_bytes()).is_ok() {}
    assert!(started.elapsed() < Duration::from_secs(15), "it waits for a client that does not read");
    // Another gets its place.
    let again = || {
        let mut other = Client::new(&server);
        other.send("ping", &json!({}), b"");
        other.next().is_some()
    };
    while !again() {
        assert!(started.elapsed() < Duration::from_secs(30));
    }
}

#[test]
fn connections_are_limited() {
    let wyoming = "wyoming: {listen: 127.0.0.1:0, limits: {connections: 2}}";
    let server = Server::with("", &format!("http: {{listen: 127.0.0.1:0}}, {wyoming}"), &[]);
    let _first = Client::new(&server);
    let _second = Client::new(&server);
    let mut third = Client::new(&server);
    third.send("describe", &json!({}), b"");
    assert!(third.next().is_none());
}

#[test]
fn a_client_that_leaves_cancels_its_utterance() {
    let server = Server::start();
    let mut client = Client::new(&server);
    client.say(&long());
    client.expect("transcript-start");
    server.wait_for("edgefuse_requests_running", 1.0);
    drop(client);
    server.wait_for("edgefuse_requests_running", 0.0);
    let ended = server.metric("edgefuse_cancelled_requests_total") + server.metric("edgefuse_wyoming_utterances_total");
    assert_eq!(ended, 1.0);
}
