//! What clients may send and occupy.

use std::io::{Read, Write};

use serde_json::json;

use crate::client::{Answer, form, read};
use crate::server::Server;

const PATH: &str = "/v1/audio/transcriptions";

/// A minute of sound that the voice activity detector is not asked about, so that it takes its time.
const SLOW: [(&str, &str); 3] = [("model", "whisper-1"), ("vad", "false"), ("temperature", "0")];

/// A WAV file of noise.
fn noise(seconds: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    let samples: Vec<u8> = (0..seconds * 16_000).flat_map(|_| random.i16(-9_000..9_000).to_le_bytes()).collect();
    let mut wav = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data".to_vec();
    wav.extend((samples.len() as u32).to_le_bytes());
    wav.extend(samples);
    wav
}

fn limited(limits: &str) -> Server {
    Server::with("", &format!("http: {{listen: 127.0.0.1:0, limits: {{{limits}}}}}"), &[])
}

#[test]
fn a_body_that_is_too_large_is_refused_by_its_length_or_when_it_is() {
    let server = limited("body: 100KiB");
    let large = vec![b'x'; 200 << 10];
    let client = server.client();
    let kind = ("content-type", "application/json");
    client.send("POST", "/v1/run", &[kind], &large).expect_error(413, "too_large", &["100.0 KiB"]);
    let mut chunks = Vec::new();
    for chunk in large.chunks(10 << 10) {
        chunks.extend(format!("{:x}\r\n", chunk.len()).bytes());
        chunks.extend(chunk);
        chunks.extend(b"\r\n");
    }
    chunks.extend(b"0\r\n\r\n");
    let chunked = [kind, ("transfer-encoding", "chunked")];
    client.send("POST", "/v1/run", &chunked, &chunks).expect_error(413, "too_large", &["100.0 KiB"]);
    server.get("/health").expect(200);
}

#[test]
fn bodies_share_a_memory() {
    let server = limited("body: 1MiB, bodies: 1MiB");
    let headers = [("content-type", "application/json"), ("content-length", "1000001")];
    let hold = || server.client().begin("POST", "/v1/run", &headers, &vec![b' '; 1_000_000]);
    let mut held = hold();
    loop {
        let other = server.client().send("POST", "/v1/run", &headers[..1], b"{}");
        if other.status == 503 {
            assert_eq!(other.header("retry-after"), Some("1"));
            break other.expect_error(503, "overloaded", &["memory for bodies"]);
        }
        other.expect_error(400, "invalid_request", &["none of image"]);
        // The small body may have been in the way of the large one.
        held.set_nonblocking(true).unwrap();
        if held.peek(&mut [0]).is_ok() {
            held = hold();
        }
    }
    assert!(server.metric("edgefuse_rejections_total{reason=\"memory\"}") >= 1.0);
}

#[test]
fn a_client_that_stalls_is_cut_off() {
    let server = limited("stall: 200ms, header_time: 300ms");
    let headers = [("content-type", "application/json"), ("content-length", "10")];
    let mut stalled = server.client().begin("POST", "/v1/run", &headers, b"{");
    read(&mut stalled).expect_error(408, "timeout", &["too slowly"]);
    // A header that never ends, and a connection on which nothing comes.
    for begun in [&b"GET /health HTTP/1.1\r\nx: "[..], b""] {
        let mut slow = server.client().connect();
        slow.write_all(begun).unwrap();
        let mut said = Vec::new();
        let _ = slow.read_to_end(&mut said);
        assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&said));
    }
}

#[test]
fn headers_and_connections_are_limited() {
    let server = limited("connections: 3");
    let long = "x".repeat(100_000);
    let answer = server.client().send("GET", "/health", &[("x-long", &long)], b"");
    assert_eq!(answer.status, 431);
    let many: Vec<(String, &str)> = (0..200).map(|count| (format!("x-{count}"), "1")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    assert_eq!(server.client().send("GET", "/health", &many, b"").status, 431);
    let mut garbage = server.client().connect();
    garbage.write_all(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03 TLS\r\n\r\n").unwrap();
    assert_eq!(read(&mut garbage).status, 400);
    let held: Vec<_> = (0..3).map(|_| server.client().connect()).collect();
    let refused = loop {
        // Those held may not have been accepted yet.
        let answer = server.get("/health");
        if answer.status == 503 {
            break answer;
        }
    };
    assert_eq!(refused.header("retry-after"), Some("1"));
    drop(held);
    while server.get("/health").status != 200 {}
    assert!(server.metric("edgefuse_rejections_total{reason=\"connections\"}") >= 1.0);
}

#[test]
fn a_long_recording_is_refused() {
    let server = limited("sound: 2s");
    let sent = |seconds: usize| server.client().form(PATH, &[("model", "whisper-1")], &noise(seconds));
    sent(1).expect(200);
    sent(5).expect_error(400, "invalid_input", &["is longer than 2 s"]);
}

#[test]
fn work_that_takes_too_long_is_stopped() {
    let server = limited("work_time: 20ms");
    server.client().form(PATH, &SLOW, &noise(600)).expect_error(504, "timeout", &["`work_time`"]);
    assert_eq!(server.metric("edgefuse_late_requests_total"), 1.0);
}

#[test]
fn a_full_queue_refuses_at_once_and_a_client_that_leaves_makes_room() {
    let server = Server::with("requests: {at_once: 1, waiting: 0}", "http: {listen: 127.0.0.1:0}", &[]);
    let (kind, body) = form(&SLOW, Some(&noise(600)));
    let first = server.client().begin("POST", PATH, &[("content-type", &kind)], &body);
    server.wait_for("edgefuse_requests_running", 1.0);
    let refused = server.client().form(PATH, &SLOW, &noise(1));
    assert_eq!(refused.header("retry-after"), Some("1"));
    refused.expect_error(503, "overloaded", &["try again later"]);
    // Health is answered all the while.
    server.get("/health").expect(200);
    drop(first);
    server.wait_for("edgefuse_cancelled_requests_total", 1.0);
    server.wait_for("edgefuse_requests_running", 0.0);
    server.client().form(PATH, &SLOW, &noise(1)).expect(200);
}

#[test]
fn fifty_clients_are_answered_or_refused() {
    let server = Server::with("requests: {at_once: 2, waiting: 4}", "http: {listen: 127.0.0.1:0}", &[]);
    let alone = server.client().form(PATH, &SLOW, &noise(3)).expect(200).text();
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let sent: Vec<_> = (0..50).map(|_| scope.spawn(|| server.client().form(PATH, &SLOW, &noise(3)))).collect();
        sent.into_iter().map(|sent| sent.join().unwrap()).collect()
    });
    let (answered, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert!(!answered.is_empty() && answered.iter().all(|answer| answer.text() == alone));
    assert!(refused.iter().all(|answer| answer.status == 503 && answer.header("retry-after").is_some()));
    server.json("/v1/run", &json!({"text": "still there"})).expect(200);
}

#[test]
fn a_client_that_does_not_read_loses_its_connection() {
    let server = limited("connections: 1, stall: 1s");
    let mut stream = server.client().connect();
    stream.set_write_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
    let requests = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(1_000);
    while stream.write_all(&requests).is_ok() {}
    server.get("/health").expect(200);
}
