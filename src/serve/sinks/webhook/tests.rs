//! The sink as a whole, against a receiver that fails on demand.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use super::*;
use crate::serve::event::What;
use crate::serve::sinks::made::{captioned, event};

/// A request that arrived: its header's lines, and its body.
struct Arrived {
    header: Vec<String>,
    body: String,
}

impl Arrived {
    fn header(&self, name: &str) -> Option<&str> {
        let of = |line: &'_ String| line.to_ascii_lowercase().starts_with(&format!("{name}:"));
        self.header.iter().find(|line| of(line)).map(|line| line[name.len() + 1..].trim())
    }

    fn id(&self) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        body["id"].as_str().unwrap().to_string()
    }
}

/// Answers requests with these, one after another, and then with 200.
fn receiver(answers: &'static [&'static str]) -> (u16, Receiver<Arrived>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (send, arrived) = channel();
    thread::spawn(move || {
        let mut answers = answers.iter();
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut header = Vec::new();
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).unwrap();
                match line.trim_end() {
                    "" => break,
                    line => header.push(line.to_string()),
                }
            }
            let mut arrived = Arrived { header, body: String::new() };
            let length = arrived.header("content-length").unwrap().parse().unwrap();
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            arrived.body = String::from_utf8(body).unwrap();
            let _ = send.send(arrived);
            let answer = answers.next().copied().unwrap_or("200 OK\r\ncontent-length: 0");
            let _ = stream.get_mut().write_all(format!("HTTP/1.1 {answer}\r\n\r\n").as_bytes());
        }
    });
    (port, arrived)
}

/// Delivers results through a sink with these options, and lets it end in order.
fn deliver(port: u16, options: &str, numbers: std::ops::Range<u64>, patience: Duration) -> Counts {
    let options: WebhookOptions =
        serde_yaml::from_str(&format!("{{url: 'http://me:secret@127.0.0.1:{port}/hook?a=b'{options}}}")).unwrap();
    let counts = Counts::default();
    let webhook = Webhook::open(&options, "webhook", &counts).unwrap();
    let queue = Arc::new(Queue::new("webhook", counts.clone()));
    queue.push(Arc::new(event("door", What::Motion(true))));
    let results = numbers.end - numbers.start;
    numbers.for_each(|number| queue.push(captioned("door", number)));
    let ender = queue.clone();
    let end = thread::spawn(move || {
        let until = std::time::Instant::now() + patience;
        // Not `waiting`, which is 0 for a moment while a result goes from the queue to the spool.
        let settled = || ender.counts.delivered.get() + ender.counts.dropped.get();
        while settled() < results && std::time::Instant::now() < until {
            thread::sleep(Duration::from_millis(5));
        }
        ender.end(std::time::Instant::now() + Duration::from_secs(5));
    });
    crate::serve::sinks::runs(webhook)(&queue);
    end.join().unwrap();
    counts
}

const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn results_are_signed_requests() {
    let (port, arrived) = receiver(&[]);
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "shared").unwrap();
    let options = format!(", secret_file: {}, headers: {{X-Room: kitchen}}", secret.path().display());
    let counts = deliver(port, &options, 0..2, PATIENCE);
    assert_eq!((counts.delivered.get(), counts.waiting.get(), counts.dropped.get()), (2, 0, 0));
    let first = arrived.recv().unwrap();
    assert_eq!(first.header[0], "POST /hook?a=b HTTP/1.1");
    assert_eq!(first.header("content-type"), Some("application/json"));
    assert_eq!(first.header("authorization"), Some("Basic bWU6c2VjcmV0"));
    assert_eq!(first.header("x-room"), Some("kitchen"));
    assert_eq!(first.header("host"), Some(format!("127.0.0.1:{port}").as_str()));
    let secret = signature::Secret::read(secret.path()).unwrap();
    assert_eq!(first.header("x-edgefuse-signature"), Some(secret.sign(first.body.as_bytes()).as_str()));
    assert_eq!((first.id(), arrived.recv().unwrap().id()), ("door-0".to_string(), "door-1".to_string()));
}

#[test]
fn a_receiver_that_fails_gets_the_same_delivery_again_and_loses_none() {
    let (port, arrived) = receiver(&["503 Later\r\ncontent-length: 0", "500 Oops\r\ncontent-length: 0", "nonsense"]);
    let counts = deliver(port, "", 0..3, PATIENCE);
    assert_eq!((counts.delivered.get(), counts.dropped.get()), (3, 0));
    let all: Vec<Arrived> = arrived.try_iter().collect();
    let ids: Vec<String> = all.iter().map(Arrived::id).collect();
    assert_eq!(ids, ["door-0", "door-0", "door-0", "door-0", "door-1", "door-2"]);
    let deliveries: Vec<_> = all.iter().map(|it| it.header("x-edgefuse-delivery").unwrap()).collect();
    assert!(deliveries[..4].iter().all(|it| *it == deliveries[0]) && deliveries[4] != deliveries[0]);
    assert_eq!(deliveries[0].len(), DELIVERY);
}

#[test]
fn what_a_receiver_refuses_is_dropped_and_counted() {
    let (port, arrived) = receiver(&["404 Not Found\r\ncontent-length: 0", "413 Large\r\ncontent-length: 0"]);
    let counts = deliver(port, "", 0..3, PATIENCE);
    assert_eq!((counts.delivered.get(), counts.dropped.get(), counts.waiting.get()), (1, 2, 0));
    assert_eq!(arrived.try_iter().count(), 3);
}

#[test]
fn a_result_that_always_fails_does_not_block_the_others() {
    let (port, arrived) = receiver(&["500 Oops\r\ncontent-length: 0", "500 Oops\r\ncontent-length: 0"]);
    let counts = deliver(port, ", retries: 1", 0..2, PATIENCE);
    assert_eq!((counts.delivered.get(), counts.dropped.get()), (1, 1));
    let ids: Vec<String> = arrived.try_iter().map(|it| it.id()).collect();
    assert_eq!(ids, ["door-0", "door-0", "door-1"]);
}

#[test]
fn a_receiver_that_is_away_gets_everything_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let spool = format!(", spool: {{path: {}}}", folder.path().display());
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let counts = deliver(nobody, &spool, 0..3, Duration::from_millis(300));
    assert_eq!((counts.delivered.get(), counts.dropped.get(), counts.waiting.get()), (0, 0, 0));
    let (port, arrived) = receiver(&[]);
    let counts = deliver(port, &spool, 3..4, PATIENCE);
    assert_eq!((counts.delivered.get(), counts.waiting.get()), (4, 0));
    let ids: Vec<String> = arrived.try_iter().map(|it| it.id()).collect();
    assert_eq!(ids, ["door-0", "door-1", "door-2", "door-3"]);
}

#[test]
fn redirects_are_not_followed() {
    let (elsewhere, none) = receiver(&[]);
    let answer = format!("302 Found\r\nlocation: http://127.0.0.1:{elsewhere}/\r\ncontent-length: 0");
    let (port, _arrived) = receiver(Box::leak(Box::new([&*Box::leak(answer.into_boxed_str())])));
    let counts = deliver(port, "", 0..1, PATIENCE);
    assert_eq!((counts.delivered.get(), none.try_iter().count()), (1, 0));
}
