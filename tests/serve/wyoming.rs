//! Home Assistant's protocol for speech.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

use crate::binary::{data, root};
use crate::server::Server;

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
        let format = json!({"rate": 16_000, "width": 2, "channels": 1});
        self.send("transcribe", &json!({"language": "en"}), b"");
        self.send("audio-start", &format, b"");
        for chunk in pcm.chunks(2_048) {
            self.send("audio-chunk", &format, chunk);
        }
        self.send("audio-stop", &json!({}), b"");
    }
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
fn formats_lengths_and_connections_are_limited() {
    let wyoming = "wyoming: {listen: 127.0.0.1:0, limits: {sound: 1s, connections: 2}}";
    let server = Server::with("", &format!("http: {{listen: 127.0.0.1:0}}, {wyoming}"), &[]);
    let mut client = Client::new(&server);
    for (rate, width, channels) in [(0, 2, 1), (16_000, 9, 1), (16_000, 2, 0), (99_999_999, 2, 1)] {
        client.send("audio-start", &json!({"rate": rate, "width": width, "channels": channels}), b"");
        assert_eq!(client.expect("error")["code"], "format");
    }
    client.say(&[0; 16_000 * 2 + 2]);
    assert_eq!(client.expect("error")["code"], "limit");
    // The rest of that utterance is dropped; the next one is heard.
    client.say(&[0; 16_000]);
    client.expect("transcript-start");
    client.expect("transcript");
    client.expect("transcript-stop");
    let _second = Client::new(&server);
    let mut third = Client::new(&server);
    third.send("describe", &json!({}), b"");
    assert!(third.next().is_none());
}

#[test]
fn a_client_that_leaves_cancels_its_utterance() {
    let server = Server::start();
    let mut client = Client::new(&server);
    let mut long = Vec::new();
    while long.len() < 100 * 32_000 {
        long.extend(pcm());
    }
    client.say(&long[..100 * 32_000]);
    client.expect("transcript-start");
    server.wait_for("edgefuse_requests_running", 1.0);
    drop(client);
    server.wait_for("edgefuse_requests_running", 0.0);
    let ended = server.metric("edgefuse_cancelled_requests_total") + server.metric("edgefuse_wyoming_utterances_total");
    assert_eq!(ended, 1.0);
}
