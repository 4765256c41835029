//! A server on free ports, ended with its test.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::binary::{root, tiny_command};
use crate::client::{Answer, Client};

/// A key for tests.
pub const KEY: &str = "0123456789abcdef0123456789abcdef";

/// Between two looks at something that is about to change.
const LOOK: Duration = Duration::from_millis(20);

/// What has not changed within this time will not.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Server {
    child: Child,
    /// Lines of standard error, read by a thread so that waiting for one can end.
    stderr: Mutex<Receiver<String>>,
    /// Those that came before it listened.
    early: VecDeque<String>,
    pub http: Option<String>,
    pub wyoming: Option<String>,
    pub folder: tempfile::TempDir,
}

/// A device file of the made models, with these lines for `runtime` and `server`.
pub fn device_file(folder: &Path, runtime: &str, server: &str) -> PathBuf {
    let fixtures = root().join("tests/fixtures");
    let fixtures = fixtures.display();
    let path = folder.join("device.yaml");
    let text =
        format!("device: tiny\nextends: {fixtures}/tiny/device.yaml\nruntime: {{{runtime}}}\nserver: {{{server}}}\n");
    std::fs::write(&path, text).unwrap();
    path
}

/// A device file of the made models and HTTP, with these lines; `FOLDER` in them is its folder, `PLAY` plays files as a
/// camera or microphone would.
pub fn live(lines: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = device_file(folder.path(), "", "http: {listen: 127.0.0.1:0}");
    let play = format!("python3 {}/configs/examples/play.py", root().display());
    let lines = lines.replace("PLAY", &play).replace("DATA", &root().join("tests/data").display().to_string());
    let text = std::fs::read_to_string(&file).unwrap() + &lines.replace("FOLDER", &folder.path().display().to_string());
    std::fs::write(&file, text).unwrap();
    (folder, file)
}

/// One that needs [`KEY`] and lists the origin `http://panel`.
pub fn keyed() -> Server {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), format!("{KEY}\n")).unwrap();
    let file =
        device_file(folder.path(), "", "http: {listen: 127.0.0.1:0, api_key_file: key, origins: ['http://panel']}");
    Server::of(folder, &file, &[])
}

impl Server {
    /// With HTTP and Wyoming, and default limits.
    pub fn start() -> Self {
        Self::with("", "http: {listen: 127.0.0.1:0}, wyoming: {listen: 127.0.0.1:0}", &[])
    }

    /// With these lines for `runtime` and `server`, and more arguments.
    pub fn with(runtime: &str, server: &str, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = device_file(folder.path(), runtime, server);
        Self::of(folder, &file, arguments)
    }

    /// One with HTTP and Wyoming that transcribes by an English-only model, and has another called `multi`.
    pub fn bilingual(limits: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let wyoming = format!("http: {{listen: 127.0.0.1:0}}, wyoming: {{listen: 127.0.0.1:0, limits: {{{limits}}}}}");
        let file = device_file(folder.path(), "", &wyoming);
        let multi = root().join("tests/fixtures/tiny/whisper");
        let more =
            format!("models: {{multi: {{path: {}}}}}\npipeline: [transcribe: {{model: whisper}}]\n", multi.display());
        std::fs::write(&file, std::fs::read_to_string(&file).unwrap() + &more).unwrap();
        Self::of(folder, &file, &[])
    }

    pub fn of(folder: tempfile::TempDir, file: &Path, arguments: &[&str]) -> Self {
        let mut command = tiny_command();
        command.arg("--config").arg(file).arg("serve").args(arguments);
        Self::spawn(folder, command)
    }

    /// The server that a command starts.
    pub fn spawn(folder: tempfile::TempDir, mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the binary starts");
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let (send, received) = channel();
        thread::spawn(move || {
            let mut line = String::new();
            while stderr.read_line(&mut line).is_ok_and(|count| count > 0)
                && send.send(std::mem::take(&mut line)).is_ok()
            {}
        });
        // Ends the process, even if the test fails below.
        let mut server =
            Server { child, stderr: Mutex::new(received), early: VecDeque::new(), http: None, wyoming: None, folder };
        let mut early = VecDeque::new();
        // Sources and `--verbose` may speak before it listens.
        let line = loop {
            let line = server.line();
            assert!(!line.is_empty(), "the server did not start: {early:?}");
            early.push_back(line.clone());
            if line.contains("listening on ") {
                break line;
            }
        };
        server.early = early;
        let address = |before: &str| {
            let rest = line.split(before).nth(1)?;
            Some(rest.split([' ', '"', '\n']).next()?.to_string())
        };
        (server.http, server.wyoming) = (address("http://"), address("tcp://"));
        assert!(server.http.is_some() || server.wyoming.is_some(), "{line}");
        server
    }

    pub fn client(&self) -> Client {
        Client::new(self.http.as_deref().expect("HTTP is served"))
    }

    pub fn get(&self, path: &str) -> Answer {
        self.client().send("GET", path, &[], b"")
    }

    pub fn json(&self, path: &str, value: &Value) -> Answer {
        self.client().send("POST", path, &[("content-type", "application/json")], value.to_string().as_bytes())
    }

    /// The value of a metric, with its labels as they are written; 0 if it is not there yet.
    pub fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").text();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().unwrap())
    }

    /// Waits until a metric has a value.
    pub fn wait_for(&self, name: &str, value: f64) {
        let until = Instant::now() + PATIENCE;
        while self.metric(name) != value {
            assert!(Instant::now() < until, "{name} is still {}, not {value}", self.metric(name));
            thread::sleep(LOOK);
        }
    }

    pub fn signal(&self, name: &str) {
        let sent = std::process::Command::new("kill").arg(name).arg(self.child.id().to_string()).status();
        assert!(sent.unwrap().success());
    }

    /// The lines on standard error, from the first, up to the next that contains `text`. What follows it is left for the next call.
    pub fn said_until(&mut self, text: &str) -> String {
        let mut said = String::new();
        loop {
            let line = self.early.pop_front().unwrap_or_else(|| self.line());
            assert!(!line.is_empty(), "it ended without `{text}`: {said}");
            said += &line;
            if line.contains(text) {
                return said;
            }
        }
    }

    /// The next line on standard error since it listened; empty if there are no more.
    pub fn line(&mut self) -> String {
        match self.stderr.get_mut().unwrap().recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(RecvTimeoutError::Disconnected) => String::new(),
            Err(RecvTimeoutError::Timeout) => panic!("nothing more was said for {PATIENCE:?}"),
        }
    }

    /// Waits for the end; the exit code, and what was said until then.
    pub fn end(mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        loop {
            let line = self.line();
            if line.is_empty() {
                break;
            }
            said += &line;
        }
        assert!(!said.contains("panicked"), "{said}");
        (self.child.wait().unwrap().code(), said)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
