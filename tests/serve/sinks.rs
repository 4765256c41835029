//! Sinks, by the binary. scripts/test_live.sh has the broker and the receivers that others wrote.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::ops::Range;
use std::path::Path;
use std::thread;

use serde_json::Value;

use crate::binary::{run, tiny_command};
use crate::broker::{Broker, Rules};
use crate::server::{Server, live};

/// A source of this many records, each answered at once.
const SOURCE: &str = "sources: {lines: {manifest: records.jsonl, pipeline: [fuse]}}\n";

fn start(sinks: &str, records: usize) -> Server {
    let (folder, file) = live(&format!("{SOURCE}sinks:\n{sinks}"));
    write(folder.path(), 0..records);
    Server::of(folder, &file, &[])
}

fn write(folder: &Path, records: Range<usize>) {
    let lines = records.map(|number| format!("{{\"id\": \"r-{number}\", \"text\": \"what is it?\"}}\n"));
    fs::write(folder.join("records.jsonl"), lines.collect::<String>()).unwrap();
}

fn ids(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap();
    let id = |line: &str| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_string();
    text.lines().map(id).collect()
}

fn expected(records: usize) -> Vec<String> {
    (0..records).map(|number| format!("r-{number}")).collect()
}

#[test]
fn results_are_lines_and_are_counted() {
    let server =
        start("  - jsonl: {path: FOLDER/out}\n  - jsonl: {path: FOLDER/none.jsonl}\n    only: {fusion: nothing}\n", 7);
    let name = format!("jsonl {}/out/results.jsonl", server.folder.path().display());
    server.wait_for(&format!("edgefuse_sink_delivered_total{{sink=\"{name}\"}}"), 7.0);
    assert_eq!(server.metric(&format!("edgefuse_sink_waiting{{sink=\"{name}\"}}")), 0.0);
    assert_eq!(ids(&server.folder.path().join("out/results.jsonl")), expected(7));
    assert_eq!(fs::read_to_string(server.folder.path().join("none.jsonl")).unwrap(), "");
    server.signal("-TERM");
    assert_eq!(server.end().0, Some(0));
}

#[test]
fn an_orderly_end_delivers_what_waits() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = start(&format!("  - webhook: {{url: 'http://127.0.0.1:{port}/'}}\n"), 5);
    let receiver = thread::spawn(move || {
        let mut ids = Vec::new();
        while ids.len() < 5 {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let body = loop {
                let mut chunk = [0; 4096];
                let count = stream.read(&mut chunk).unwrap();
                request.extend(&chunk[..count]);
                let text = String::from_utf8_lossy(&request).into_owned();
                let Some((_, body)) = text.split_once("\r\n\r\n") else { continue };
                if let Ok(body) = serde_json::from_str::<Value>(body) {
                    break body;
                }
            };
            ids.push(body["id"].as_str().unwrap().to_string());
            // Slower than the end comes.
            thread::sleep(std::time::Duration::from_millis(200));
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        }
        ids
    });
    server.wait_for("edgefuse_source_processed_total{source=\"lines\"}", 5.0);
    server.signal("-TERM");
    assert_eq!(receiver.join().unwrap(), expected(5));
    let (code, said) = server.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("not delivered"), "{said}");
}

#[test]
fn a_reload_opens_the_files_again() {
    let mut server = start(
        "  - jsonl: {path: FOLDER/out}\n  - mqtt: {broker: 'mqtt://127.0.0.1:9', spool: {path: FOLDER/away}}\n",
        3,
    );
    let name = format!("jsonl {}/out/results.jsonl", server.folder.path().display());
    server.wait_for(&format!("edgefuse_sink_delivered_total{{sink=\"{name}\"}}"), 3.0);
    server.wait_for("edgefuse_sink_waiting{sink=\"mqtt mqtt://127.0.0.1:9\"}", 3.0);
    // A manifest that has changed is a new one.
    write(server.folder.path(), 3..7);
    server.signal("-HUP");
    server.said_until("reloaded the device file");
    server.wait_for("edgefuse_sink_waiting{sink=\"mqtt mqtt://127.0.0.1:9\"}", 7.0);
    assert_eq!(ids(&server.folder.path().join("out/results.jsonl")), expected(7));
}

#[test]
fn home_assistant_knows_all_entities_before_anything_happens() {
    let broker = Broker::start(vec![Rules::default()]);
    let (folder, file) = live(&format!(
        "sources:\n  door: {{camera: 'exec:sleep 3600', when: motion, pipeline: [caption]}}\nsinks:\n  - mqtt: {{broker: \
         'mqtt://127.0.0.1:{}', discovery: homeassistant}}\n",
        broker.port
    ));
    let _server = Server::of(folder, &file, &[]);
    let published = broker.published(|topic, _| topic == "homeassistant/sensor/edgefuse_tiny/door_caption/config");
    let has =
        |topic: &str, expected: &str| published.iter().any(|(it, payload)| it == topic && payload.contains(expected));
    assert!(has("edgefuse/tiny/door/motion", "OFF"), "{published:?}");
    let topic = "edgefuse/tiny/door/motion";
    assert!(has("homeassistant/binary_sensor/edgefuse_tiny/door_motion/config", topic), "{published:?}");
}

#[test]
fn what_is_wrong_is_one_line_with_its_place() {
    for (sinks, place, expected) in [
        ("  - kafka: {}\n", ":7:5: ", "unknown field `kafka`"),
        ("  - jsonl: {path: out}\n    sources: [door]\n", ":8:14: ", "there is no source `door`"),
        ("  - mqtt: {broker: 'mqtts://u:secret@h:x'}\n", ":7:", "the port is not a number"),
        (
            "  - mqtt: {broker: 'mqtt://h', tls: {ca_file: a}}\n",
            ":7:37: ",
            "not encrypted; start the address with mqtts://",
        ),
        ("  - webhook: {url: 'https://h', tls: {key_file: k}}\n", ":7:", "a key needs its `cert_file`"),
        ("  - mqtt: {broker: 'mqtts://h', tls: {ca_file: none.pem}}\n", ": sinks.0: ", "mqtt.tls.ca_file: "),
        ("  - webhook: {url: 'ftp://u:secret@h'}\n", ":7:", "unknown scheme"),
        ("  - jsonl: {path: out}\n    only: {captoin: x}\n", ": sinks.0: ", "no step has the result `captoin`"),
        ("  - jsonl: {path: /proc/none}\n", ": sinks.0: ", "cannot write"),
    ] {
        let (folder, file) = live(&format!("{SOURCE}sinks:\n{sinks}"));
        fs::write(folder.path().join("records.jsonl"), "").unwrap();
        let failed = run(tiny_command().arg("--config").arg(&file).arg("serve")).expect(2);
        let failed = failed.expect_error(&[place, expected]);
        assert!(!failed.stderr.contains("secret"), "{}", failed.stderr);
    }
}
