//! Sources: cameras and microphones that are commands, folders, manifests.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::binary::{root, tiny_command};
use crate::broker::{Broker, Rules};
use crate::server::{Server, live};

const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `found` returns something.
fn wait<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < until, "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Complete lines of the results file so far.
fn lines(folder: &Path) -> Vec<Value> {
    let text = fs::read_to_string(folder.join("results.jsonl")).unwrap_or_default();
    let complete = text.rsplit_once('\n').map_or("", |(complete, _)| complete);
    complete.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

const SINK: &str = "sinks: [{jsonl: {path: FOLDER/results.jsonl}}]\n";

fn start(lines: &str) -> Server {
    let (folder, file) = live(&(lines.to_string() + SINK));
    Server::of(folder, &file, &[])
}

/// The processes whose command line contains `text`.
fn running(text: &str) -> usize {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let command = |entry: fs::DirEntry| fs::read(entry.path().join("cmdline")).unwrap_or_default();
    processes
        .filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok())
        .map(command)
        .filter(|command| String::from_utf8_lossy(command).contains(text))
        .count()
}

#[test]
fn a_camera_makes_a_record_at_every_interval() {
    let server = start(
        "sources:\n  door: {camera: 'exec:PLAY pictures --fps 20 DATA/easyvqa-23.png', every: 300ms, pipeline: [caption]}\n",
    );
    let results = wait("three results", || Some(lines(server.folder.path())).filter(|lines| lines.len() >= 3));
    for result in &results {
        assert_eq!(result["source"], "door");
        assert!(result["caption"]["text"].is_string(), "{result}");
        assert!(result["latency_ms"].as_u64().unwrap() < 60_000, "{result}");
        assert!(result["id"].as_str().unwrap().starts_with("door-20"), "{result}");
    }
    let times: Vec<f64> = results.iter().map(|result| result["uptime_s"].as_f64().unwrap()).collect();
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] > 0.2), "{times:?}");
    assert_eq!(server.metric("edgefuse_source_up{source=\"door\"}"), 1.0);
    let arrived = server.metric("edgefuse_source_arrived_total{source=\"door\"}");
    assert!(arrived > server.metric("edgefuse_source_processed_total{source=\"door\"}"), "{arrived}");
}

#[test]
fn raw_frames_have_the_size_and_format_of_the_device_file() {
    // What is bright in one frame is dark in the other.
    let halves = |one: u8, other: u8| [[one; 32 * 48], [other; 32 * 48]].concat();
    let (folder, file) = live(&format!(
        "sources:\n  grey: {{camera: 'exec:sh -c \"while cat one; do sleep 0.3; cat two; sleep 0.3; done\"', format: gray, \
         size: 64x48, every: 100ms, when: motion, pipeline: [caption]}}\n{SINK}"
    ));
    // The command starts in the device file's folder.
    fs::write(folder.path().join("one"), halves(200, 10)).unwrap();
    fs::write(folder.path().join("two"), halves(10, 200)).unwrap();
    let server = Server::of(folder, &file, &[]);
    wait("a result", || lines(server.folder.path()).pop());
}

#[test]
fn a_failing_source_is_restarted_and_reported_once() {
    let mut server = start(
        "sources:\n  door: {camera: 'exec:sh -c \"cat DATA/easyvqa-23.png; echo broken >&2; exit 3\"', pipeline: [caption]}\n",
    );
    let said = server.said_until("it is restarted until it works");
    assert!(said.contains("source door: `sh` failed with exit code 3: broken"), "{said}");
    let arrived = "edgefuse_source_arrived_total{source=\"door\"}";
    wait("a restart", || Some(server.metric(arrived)).filter(|arrived| *arrived >= 2.0));
    server.signal("-TERM");
    let (code, said) = server.end();
    assert_eq!(code, Some(0));
    assert!(said.matches("exit code 3").count() <= 2, "{said}");
}

#[test]
fn a_stalled_source_is_restarted() {
    let mut server = start("sources:\n  door: {camera: 'exec:sleep 3600', stall: 300ms, pipeline: [caption]}\n");
    let said = server.said_until("it is restarted until it works");
    assert!(said.contains("source door: `sleep` wrote nothing for 0.3 s"), "{said}");
}

#[test]
fn a_missing_program_and_device_are_named_and_nothing_else_is_disturbed() {
    let mut server = start(
        "sources:\n  a: {camera: 'exec:no-such-program -x', pipeline: [caption]}\n  b: {camera: /dev/video99, pipeline: \
         [caption]}\n  c: {camera: 'exec:PLAY pictures DATA/easyvqa-23.png', pipeline: [caption]}\n",
    );
    let mut said = server.said_until("it is restarted until it works");
    said += &server.said_until("it is restarted until it works");
    assert!(said.contains("source a: `no-such-program` is not installed"), "{said}");
    assert!(said.contains("source b: /dev/video99: there is no such device"), "{said}");
    let result = wait("a result", || lines(server.folder.path()).pop());
    assert_eq!(result["source"], "c");
    server.get("/health").expect(200);
}

#[test]
fn credentials_of_a_camera_are_never_printed() {
    let mut server =
        start("sources:\n  door: {camera: 'rtsp://admin:secret@127.0.0.1:9/x', stall: 5s, pipeline: [caption]}\n");
    let mut said = server.said_until("source door: ");
    server.signal("-TERM");
    said += &server.end().1;
    assert!(!said.contains("secret"), "{said}");
}

#[test]
fn commands_end_with_the_service_however_it_ends() {
    for signal in ["-TERM", "-KILL"] {
        let mark = format!("--pause 3.{}", std::process::id());
        let server = start(&format!(
            "sources:\n  mic: {{microphone: 'exec:PLAY sound {mark} DATA/question-color.wav', pipeline: [transcribe]}}\n"
        ));
        let mark = mark.replace(' ', "\0");
        wait("the command", || (running(&mark) == 1).then_some(()));
        server.signal(signal);
        server.end();
        wait("its end", || (running(&mark) == 0).then_some(()));
    }
}

#[test]
fn what_a_command_has_started_ends_with_a_service_that_is_killed() {
    let mark = format!("3600.{}", std::process::id());
    let server = start(&format!(
        "sources:\n  mic: {{microphone: 'exec:sh -c \"sleep {mark} | cat; true\"', pipeline: [transcribe]}}\n"
    ));
    wait("the shell and what it starts", || (running(&mark) == 2).then_some(()));
    server.signal("-KILL");
    server.end();
    wait("their end", || (running(&mark) == 0).then_some(()));
}

/// The error that answers a question about a camera's newest picture.
fn refused(broker: &Broker, expected: &str) -> Value {
    let is_answer = |topic: &str, payload: &str| topic == "edgefuse/tiny/door/error" && payload.contains(expected);
    let published = broker.published(is_answer);
    serde_json::from_str(&published.last().unwrap().1).unwrap()
}

/// A broker at which somebody asks as soon as the service is connected.
fn asking() -> Rules {
    Rules { say: vec![("edgefuse/tiny/door/ask".to_string(), b"what is it?".to_vec())], ..Rules::default() }
}

#[test]
fn a_question_about_a_picture_that_is_not_there_or_old_or_broken_is_answered_by_an_error() {
    let of = |port: u16, camera: &str| {
        live(&format!(
            "sources:\n  door: {{camera: 'exec:{camera}', stall: 400ms}}\nsinks:\n  - mqtt: {{broker: \
             'mqtt://127.0.0.1:{port}'}}\npipeline: [caption]\n"
        ))
    };
    let broker = Broker::start(vec![asking()]);
    let (folder, file) = of(broker.port, "sleep 3600");
    let server = Server::of(folder, &file, &[]);
    let error = refused(&broker, "there is no picture yet");
    assert_eq!(error["source"], "door");
    drop(server);

    let broker = Broker::start(vec![asking()]);
    let (folder, file) = of(broker.port, "sh -c \"while cat broken.png; do sleep 0.1; done\"");
    let mut picture = fs::read(root().join("tests/data/easyvqa-23.png")).unwrap();
    let middle = picture.len() / 2;
    picture[middle] ^= 0xFF;
    fs::write(folder.path().join("broken.png"), picture).unwrap();
    let server = Server::of(folder, &file, &[]);
    // Depending on who is first, there is no picture yet.
    refused(&broker, "picture");
    drop(server);

    // One picture, and then a camera that hangs. The broker is there when the picture is old.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (folder, file) = of(port, "sh -c \"test -e seen || cat DATA/easyvqa-23.png; touch seen; sleep 60\"");
    let server = Server::of(folder, &file, &[]);
    server.wait_for("edgefuse_source_arrived_total{source=\"door\"}", 1.0);
    thread::sleep(Duration::from_millis(500));
    let broker = Broker::on(TcpListener::bind(("127.0.0.1", port)).unwrap(), vec![asking()]);
    let error = refused(&broker, "the newest picture is");
    assert!(error["error"].as_str().unwrap().ends_with(" s old"), "{error}");
}

#[test]
fn sighup_replaces_the_sources_or_keeps_them() {
    let (folder, file) = live(&format!(
        "sources:\n  first: {{camera: 'exec:PLAY pictures DATA/easyvqa-23.png', every: 200ms, pipeline: [caption]}}\n{SINK}"
    ));
    let mut server = Server::of(folder, &file, &[]);
    let from = |name: &str, folder: &Path| lines(folder).iter().any(|line| line["source"] == name);
    wait("a result", || from("first", server.folder.path()).then_some(()));
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("every: 200ms", "every: never")).unwrap();
    server.signal("-HUP");
    let said = server.said_until("stays in use");
    assert!(said.contains("`never` is not a duration"), "{said}");
    let before = lines(server.folder.path()).len();
    wait("more results", || (lines(server.folder.path()).len() > before).then_some(()));
    fs::write(&file, text.replace("first:", "second:")).unwrap();
    server.signal("-HUP");
    server.said_until("reloaded the device file");
    wait("another source", || from("second", server.folder.path()).then_some(()));
}

#[test]
fn files_of_a_folder_and_lines_of_a_manifest_are_processed() {
    let server = start(
        "sources:\n  inbox: {folder: FOLDER/in, results: FOLDER/out, pipeline: [caption]}\n  list: {manifest: list.jsonl, \
         pipeline: [caption]}\n",
    );
    let folder = server.folder.path();
    wait("the folder is awaited", || {
        Some(server.metric("edgefuse_source_up{source=\"inbox\"}")).filter(|up| *up == 0.0)
    });
    fs::create_dir_all(folder.join("in")).unwrap();
    fs::copy(root().join("tests/data/easyvqa-23.png"), folder.join("in/a.png")).unwrap();
    let result = wait("a result", || lines(folder).into_iter().find(|line| line["source"] == "inbox"));
    assert!(result["id"].as_str().unwrap().ends_with("in/a.png"), "{result}");
    wait("a results file", || {
        fs::read_dir(folder.join("out")).ok()?.flatten().find(|it| it.file_name() == "a.png.jsonl")
    });
    let missing = wait("an error", || lines(folder).into_iter().find(|line| line["source"] == "list"));
    assert!(missing["error"].as_str().unwrap().contains("cannot be read"), "{missing}");
}

#[test]
fn a_reload_goes_on_with_a_manifest_even_if_it_fails() {
    let (folder, file) = live(&format!("sources:\n  list: {{manifest: list.jsonl, pipeline: [fuse]}}\n{SINK}"));
    let manifest = folder.path().join("list.jsonl");
    let record = |id: &str| format!("{{\"id\": \"{id}\", \"text\": \"what is it?\"}}\n");
    fs::write(&manifest, record("a") + &record("b")).unwrap();
    let mut server = Server::of(folder, &file, &[]);
    let ids = |server: &Server| -> Vec<String> {
        lines(server.folder.path()).iter().map(|line| line["id"].as_str().unwrap().to_string()).collect()
    };
    wait("the records", || (ids(&server).len() == 2).then_some(()));
    let text = fs::read_to_string(&file).unwrap();
    // Only opening the sinks shows that it cannot be used, when the sources have ended.
    fs::write(&file, text.replace("sinks: [", "sinks: [{jsonl: {path: /proc/none}}, ")).unwrap();
    server.signal("-HUP");
    server.said_until("stays in use");
    fs::write(&file, &text).unwrap();
    server.signal("-HUP");
    server.said_until("reloaded the device file");
    // What has changed is new.
    fs::write(&manifest, record("c")).unwrap();
    server.signal("-HUP");
    server.said_until("reloaded the device file");
    wait("the new record", || ids(&server).contains(&"c".to_string()).then_some(()));
    assert_eq!(ids(&server), ["a", "b", "c"]);
}

#[test]
fn standard_input_is_read_on_after_a_reload() {
    let (folder, file) = live(&format!("sources:\n  list: {{manifest: '-', pipeline: [fuse]}}\n{SINK}"));
    let (input, mut feed) = std::io::pipe().unwrap();
    let mut command = tiny_command();
    command.arg("--config").arg(&file).arg("serve").stdin(input);
    let mut server = Server::spawn(folder, command);
    let mut feed = |id: &str| writeln!(feed, "{{\"id\": \"{id}\", \"text\": \"what is it?\"}}").unwrap();
    let wait_for =
        |server: &Server, count| wait("results", || (lines(server.folder.path()).len() == count).then_some(()));
    feed("a");
    wait_for(&server, 1);
    for (count, ids) in [(3, ["b", "c"]), (5, ["d", "e"])] {
        server.signal("-HUP");
        server.said_until("reloaded the device file");
        ids.iter().for_each(|id| feed(id));
        wait_for(&server, count);
    }
    let ids: Vec<Value> = lines(server.folder.path()).into_iter().map(|line| line["id"].clone()).collect();
    assert_eq!(ids, ["a", "b", "c", "d", "e"]);
}

#[test]
fn windows_of_sound_are_records_and_a_join_without_a_picture_says_so() {
    let server = start(
        "sources:\n  mic: {microphone: 'exec:PLAY sound --pause 0 DATA/question-color.wav', when: interval, every: 2s, \
         pipeline: [transcribe]}\n  door: {camera: 'exec:sleep 3600'}\n  both: {join: {picture: door, sound: mic}, pipeline: \
         [transcribe, caption]}\n",
    );
    let find = |name: &str| wait(name, || lines(server.folder.path()).into_iter().find(|line| line["source"] == name));
    let (own, joint) = (find("mic"), find("both"));
    assert_eq!(own["transcript"]["duration"], 2.0);
    assert!(joint.get("caption").is_none() && joint["transcript"].is_object(), "{joint}");
    assert_eq!(joint["warnings"][0], "no picture: door has not captured any");
}

#[test]
fn device_files_that_cannot_work_are_refused() {
    for (lines, code, expected) in [
        ("sources: {door: {camera: 'exec:x', pipeline: []}}", 2, "sources.door: no steps"),
        ("sources: {door: {camera: 'exec:x', pipeline: [{caption: {model: none}}]}}", 2, "none"),
        (
            "sources: {door: {camera: 'exec:x'}, j: {join: {picture: door, sound: mic}}}",
            2,
            "sources.j.join.sound: no source `mic`",
        ),
        ("sources: {'a b': {camera: 'exec:x'}}", 2, "a name is up to 64 letters"),
    ] {
        let (_folder, file) = live(&format!("{lines}\n"));
        let output = tiny_command().arg("--config").arg(&file).arg("serve").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(expected), "{lines}: {said}");
        assert_eq!(output.status.code(), Some(code), "{lines}: {said}");
    }
}

#[test]
fn without_sinks_results_go_to_standard_output() {
    let (_folder, file) =
        live("sources: {door: {camera: 'exec:PLAY pictures DATA/easyvqa-23.png', pipeline: [caption]}}\n");
    let mut command: Command = tiny_command();
    let mut child =
        command.arg("--config").arg(&file).arg("serve").stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["source"], "door");
}
