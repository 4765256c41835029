//! Start, reload and end.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::binary::{data, root, run, tiny_command};
use crate::client::{form, read};
use crate::server::{Server, device_file};

const PATH: &str = "/v1/audio/transcriptions";

#[test]
fn sigterm_answers_what_was_taken_and_exits_with_0() {
    let server = Server::start();
    let speech = std::fs::read(root().join(data("librivox-0930.wav"))).unwrap();
    let (kind, body) = form(&[("model", "whisper-1")], Some(&speech));
    let mut taken = server.client().begin("POST", PATH, &[("content-type", &kind)], &body);
    // Either it is being worked on or done.
    while server.metric("edgefuse_requests_running") + server.metric("edgefuse_work_duration_seconds_count") == 0.0 {}
    server.signal("-TERM");
    assert_eq!(read(&mut taken).status, 200);
    let address = server.http.clone().unwrap();
    assert_eq!(server.end(), (Some(0), String::new()));
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[test]
fn what_is_not_done_in_time_is_cancelled() {
    let server = Server::with("", "http: {listen: 127.0.0.1:0}, drain: 50ms", &[]);
    let speech = std::fs::read(root().join(data("librivox-0930.wav"))).unwrap();
    let data = speech.windows(4).position(|four| four == b"data").unwrap() + 8;
    // Half an hour of it: the header's sizes are clipped to what there is.
    let mut long = speech[..data].to_vec();
    long[4..8].copy_from_slice(&[0xFF; 4]);
    long[data - 4..data].copy_from_slice(&[0xFF; 4]);
    while long.len() < 20 << 20 {
        long.extend(&speech[data..]);
    }
    let (kind, body) = form(&[("model", "whisper-1"), ("vad", "false")], Some(&long));
    let mut taken = server.client().begin("POST", PATH, &[("content-type", &kind)], &body);
    server.wait_for("edgefuse_requests_running", 1.0);
    server.signal("-TERM");
    assert_eq!(read(&mut taken).status, 503);
    let (code, said) = server.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("were cancelled"), "{said}");
}

#[test]
fn sighup_reloads_the_device_file_or_keeps_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let http = "http: {listen: 127.0.0.1:0}";
    let file = device_file(folder.path(), "", http);
    let mut server = Server::of(folder, &file, &[]);
    server.get("/v1/models/second").expect(404);
    let text = std::fs::read_to_string(&file).unwrap();
    let models = root().join("tests/fixtures/tiny/whisper.en");
    std::fs::write(&file, format!("{text}models: {{second: {{path: {}}}}}\n", models.display())).unwrap();
    server.signal("-HUP");
    assert_eq!(server.line(), "reloaded the device file\n");
    server.get("/v1/models/second").expect(200);
    std::fs::write(&file, "device: [").unwrap();
    server.signal("-HUP");
    let line = server.line();
    assert!(line.starts_with("error: ") && line.contains("stays in use"), "{line}");
    server.get("/v1/models/second").expect(200);
    device_file(server.folder.path(), "requests: {waiting: 1000}", http);
    server.signal("-HUP");
    let line = server.line();
    assert!(line.contains("threads for more `requests`") && line.contains("only with a restart"), "{line}");
    device_file(server.folder.path(), "", "http: {listen: 127.0.0.1:1}");
    server.signal("-HUP");
    assert!(server.line().contains("only with a restart"));
    server.get("/v1/models/second").expect(404);
}

#[test]
fn systemd_hears_that_it_is_ready() {
    let folder = tempfile::tempdir().unwrap();
    let address = folder.path().join("notify");
    let systemd = UnixDatagram::bind(&address).unwrap();
    systemd.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let file = device_file(folder.path(), "", "http: {listen: 127.0.0.1:0}");
    let mut command = crate::binary::tiny_command();
    command.arg("--quiet").arg("--config").arg(&file).arg("serve").env("NOTIFY_SOCKET", &address);
    let mut child = command.spawn().unwrap();
    let mut heard = [0; 64];
    let mut hear = || systemd.recv(&mut heard).map(|count| String::from_utf8_lossy(&heard[..count]).into_owned());
    assert_eq!(hear().unwrap(), "READY=1");
    assert_eq!(hear().unwrap(), "WATCHDOG=1");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_socket_of_systemd_takes_the_place_of_the_address() {
    let folder = tempfile::tempdir().unwrap();
    let file = device_file(folder.path(), "", "http: {listen: 127.0.0.1:1}");
    let started = |script: &str, folder: tempfile::TempDir| {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap().to_string();
        let inner = tiny_command();
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]).arg(inner.get_program()).arg("--config").arg(&file).arg("serve");
        command.current_dir(root()).stdin(OwnedFd::from(socket));
        command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        (address, folder, command)
    };
    // The socket is the first descriptor after the standard ones.
    let passed = "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=http exec \"$@\" 3<&0 </dev/null";
    let (address, folder, command) = started(passed, folder);
    let server = Server::spawn(folder, command);
    assert_eq!(server.http.as_deref(), Some(address.as_str()));
    server.get("/health").expect(200);
    // No part of the device file uses a socket of this name.
    let foreign = "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=wyoming exec \"$@\" 3<&0 </dev/null";
    let (_, _folder, mut command) = started(foreign, tempfile::tempdir().unwrap());
    run(&mut command).expect(2).expect_error(&["socket 0 `wyoming`", "which no part of `server` uses"]);
}

#[test]
fn logs_are_json_objects_if_asked_for() {
    let mut server = Server::with("", "http: {listen: 127.0.0.1:0}", &["--log-format", "json", "--verbose"]);
    let answer = server.get("/health").expect(200);
    let line: Value = loop {
        let line: Value = serde_json::from_str(&server.line()).unwrap();
        if line["message"] == "answered" {
            break line;
        }
    };
    assert_eq!(line["request_id"].as_str(), answer.header("x-request-id"));
    assert_eq!((&line["route"], &line["status"], &line["level"]), (&"/health".into(), &200.into(), &"info".into()));
    assert!(line["ts"].is_f64() && line["ms"].is_number(), "{line}");
    let wrong = "server: {http: {listen: '0.0.0.0:0'}}";
    let file = server.folder.path().join("wrong.yaml");
    std::fs::write(&file, format!("device: wrong\n{wrong}\n")).unwrap();
    let failed = run(tiny_command().arg("--config").arg(&file).args(["--log-format", "json", "serve"])).expect(2);
    let line: Value = serde_json::from_str(&failed.stderr).unwrap();
    assert!(line["level"] == "error" && line["message"].as_str().unwrap().contains("api_key_file"), "{line}");
}
