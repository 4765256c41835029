//! A small HTTP client, which can also misbehave.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// A server that does not answer within this time fails the test.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Client {
    address: String,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Client {
    pub fn new(address: &str) -> Self {
        Client { address: address.to_string() }
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends a request and reads the answer to the end of the connection.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut stream = self.begin(method, path, headers, body);
        read(&mut stream)
    }

    /// Sends a request only.
    pub fn begin(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> TcpStream {
        let mut stream = self.connect();
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        for (name, value) in [("connection", "close"), ("host", self.address.as_str())] {
            if !headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name)) {
                head += &format!("{name}: {value}\r\n");
            }
        }
        headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
        if !headers.iter().any(|(name, _)| matches!(*name, "content-length" | "transfer-encoding")) {
            head += &format!("content-length: {}\r\n", body.len());
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
        // A server may answer and close before it has read everything.
        let _ = stream.write_all(body);
        stream
    }

    /// A form of `fields` and one file.
    pub fn form(&self, path: &str, fields: &[(&str, &str)], file: &[u8]) -> Answer {
        let (kind, body) = form(fields, Some(file));
        self.send("POST", path, &[("content-type", &kind)], &body)
    }
}

/// The type and body of a form.
pub fn form(fields: &[(&str, &str)], file: Option<&[u8]>) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (name, text) in fields {
        body.extend(format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n").bytes());
    }
    if let Some(file) = file {
        let head = "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\
                    content-type: audio/wav\r\n\r\n";
        body.extend(head.bytes());
        body.extend(file);
        body.extend(b"\r\n");
    }
    body.extend(b"--x--\r\n");
    ("multipart/form-data; boundary=x".to_string(), body)
}

/// Reads an answer.
pub fn read(stream: &mut TcpStream) -> Answer {
    let mut all = Vec::new();
    // A reset after the answer, by a server that has not read everything, is no error.
    let mut block = [0; 1 << 16];
    while let Ok(count @ 1..) = stream.read(&mut block) {
        all.extend(&block[..count]);
    }
    let end = all.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no answer: {}", String::from_utf8_lossy(&all)));
    let head = String::from_utf8(all[..end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_string()));
    let headers: Vec<(String, String)> = lines.filter_map(header).collect();
    let mut body = all[end + 4..].to_vec();
    if headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked") {
        body = dechunked(&body);
    }
    Answer { status, headers, body }
}

fn dechunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = body.windows(2).position(|two| two == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        whole.extend(&body[end + 2..end + 2 + size]);
        body = &body[end + 2 + size + 2..];
    }
    whole
}

impl Answer {
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        assert!(self.header("x-request-id").is_some_and(|id| id.starts_with("req_")), "{:?}", self.headers);
        self
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Asserts that it is an error as OpenAI's clients read it, with `words` in its message.
    #[track_caller]
    pub fn expect_error(self, status: u16, code: &str, words: &[&str]) {
        let value = self.expect(status).json();
        let error = &value["error"];
        assert_eq!(error["code"], code, "{value}");
        let message = error["message"].as_str().unwrap();
        assert!(error["type"].is_string() && !message.contains('\n'), "{value}");
        words.iter().for_each(|word| assert!(message.contains(word), "`{word}` is not in: {message}"));
    }

    /// The data of server-sent events.
    pub fn events(&self) -> Vec<String> {
        self.text().split("\n\n").filter_map(|event| event.strip_prefix("data: ").map(str::to_string)).collect()
    }
}
