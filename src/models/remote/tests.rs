//! A model behind a server that this process runs: what it answers, and every way in which it does not.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::*;
use crate::config::Form;
use crate::engine::EngineError;
use crate::models::chat::{Finish, Message};
use crate::support::request::{Priority, Request};

const EVENTS: &str = "data: {\"choices\":[{\"delta\":{\"content\":\" All \"}}]}\n\n\
                      data: {\"choices\":[{\"delta\":{\"content\":\"well.\"},\"finish_reason\":\"stop\"}]}\n\n\
                      data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}\n\n\
                      data: [DONE]\n\n";

/// A server that answers one request after the other; `None` leaves the last answer to all that follow.
struct Server {
    port: u16,
    /// Heads and bodies of the requests.
    requests: Arc<Mutex<Vec<(String, String)>>>,
}

impl Server {
    fn new(answer: impl Fn(usize, &mut TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                let Some(request) = read(&stream) else { continue };
                seen.lock().unwrap().push(request);
                answer(number, &mut stream);
            }
        });
        Server { port, requests }
    }

    fn answering(kind: &'static str, body: &'static str) -> Self {
        Self::new(move |_, stream| whole(stream, "200 OK", kind, body))
    }

    fn remote(&self, change: impl FnOnce(&mut RemoteOptions)) -> Remote {
        let mut options = RemoteOptions::new(format!("http://127.0.0.1:{}/v1", self.port), "m");
        options.max_retries = 0;
        options.timeout = Duration::from_secs(5);
        change(&mut options);
        Remote::new(&options).unwrap()
    }

    fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

fn read(stream: &TcpStream) -> Option<(String, String)> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, String::from_utf8(body).unwrap()))
}

fn whole(stream: &mut TcpStream, status: &str, kind: &str, body: &str) {
    let length = body.len();
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
}

fn ask(remote: &Remote) -> Result<Reply, Error> {
    remote.chat(Prompt::Messages(&[Message::new("user", "How is it?")]), &ReplyOptions::default())
}

/// The problem, and whether another model may answer.
fn problem(remote: &Remote) -> (String, bool) {
    match ask(remote).unwrap_err() {
        Error::Remote { problem, away, .. } => (problem, away),
        other => panic!("{other}"),
    }
}

#[test]
fn answers_are_streamed_and_counted() {
    let server = Server::answering("text/event-stream", EVENTS);
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, "secret-key\n").unwrap();
    let remote = server.remote(|it| it.api_key_file = Some(key));
    let pieces = Arc::new(Mutex::new(String::new()));
    let heard = pieces.clone();
    let request = Request::new(Priority::Interactive).on_text(move |text| heard.lock().unwrap().push_str(text));
    let reply = request.run(|| ask(&remote)).unwrap();
    assert_eq!(
        (reply.text.as_str(), reply.finish, reply.prompt_tokens, reply.written),
        ("All well.", Finish::Stop, 5, 2)
    );
    assert_eq!(*pieces.lock().unwrap(), " All well.");
    let (head, body) = server.requests.lock().unwrap()[0].clone();
    assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1"), "{head}");
    assert!(head.to_lowercase().contains("authorization: bearer secret-key"), "{head}");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&body["model"], &body["messages"][0]["content"]), (&"m".into(), &"How is it?".into()));
}

#[test]
fn servers_that_do_not_stream_are_understood() {
    let body = "{\"choices\":[{\"message\":{\"content\":\"Fine\"},\"finish_reason\":\"length\"}],\"usage\":{\"completion_tokens\":1}}";
    let server = Server::answering("application/json", body);
    let reply = ask(&server.remote(|_| ())).unwrap();
    assert_eq!((reply.text.as_str(), reply.finish, reply.written), ("Fine", Finish::Length, 1));
}

#[test]
fn attempts_follow_until_the_answer_begins() {
    let server = Server::new(|number, stream| match number {
        0 => whole(stream, "503 Service Unavailable", "application/json", "{\"error\":{\"message\":\"loading\"}}"),
        1 => drop(stream.shutdown(std::net::Shutdown::Both)),
        _ => whole(stream, "200 OK", "text/event-stream", EVENTS),
    });
    assert_eq!(ask(&server.remote(|it| it.max_retries = 2)).unwrap().text, "All well.");
    assert_eq!(server.count(), 3);

    let server = Server::answering("text/event-stream", "data: {\"choices\":[{\"delta\":{\"content\":\"All\"}}]}\n\n");
    let (why, away) = problem(&server.remote(|it| it.max_retries = 2));
    assert!(why.contains("broke off") && !away, "{why}");
    assert_eq!(server.count(), 1);
}

#[test]
fn every_failure_is_one_line_that_names_it() {
    for (status, body, expected, may_fall_back) in [
        (
            "500 Internal Server Error",
            "{\"error\":{\"message\":\"out of\\nmemory\"}}",
            "answers 500: out of memory",
            true,
        ),
        ("429 Too Many Requests", "{}", "answers 429", true),
        ("401 Unauthorized", "no", "there is no `api_key_file`", true),
        ("404 Not Found", "{\"detail\":\"Not Found\"}", "is `endpoint` right", true),
        ("302 Found", "", "redirects to another address, which is not followed", true),
        ("400 Bad Request", "{\"error\":{\"message\":\"context too long\"}}", "answers 400: context too long", false),
        ("422 Unprocessable", "<html>", "answers 422", false),
    ] {
        let server = Server::new(move |_, stream| whole(stream, status, "application/json", body));
        let (why, away) = problem(&server.remote(|_| ()));
        assert!(why.contains(expected) && away == may_fall_back && !why.contains('\n'), "{why}");
    }
    for (kind, body, expected) in [
        ("text/html", "<html>", "web page"),
        ("application/json", "{\"choices\":", "not a chat completion"),
        ("text/event-stream", "data: {\"error\":{\"message\":\"busy\"}}\n\n", "reports: busy"),
    ] {
        let (why, away) = problem(&Server::answering(kind, body).remote(|_| ()));
        assert!(why.contains(expected) && away, "{why}");
    }
    let nobody = RemoteOptions { max_retries: 0, ..RemoteOptions::new("http://127.0.0.1:9/v1", "m") };
    assert!(problem(&Remote::new(&nobody).unwrap()).0.contains("nothing listens there"));
}

#[test]
fn lengths_that_lie_and_answers_without_end_are_errors() {
    let short = Server::new(|_, stream| {
        let _ = write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 99999\r\n\r\ndata: {{\""
        );
    });
    assert!(problem(&short.remote(|_| ())).0.contains("broke off"));
    let endless = Server::new(|_, stream| {
        let _ =
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10000000000\r\n\r\n");
        let block = vec![b' '; 1 << 16];
        while stream.write_all(&block).is_ok() {}
    });
    assert!(problem(&endless.remote(|_| ())).0.contains("larger than 4 MiB"));
    let heads = Server::new(|_, stream| {
        let _ = write!(stream, "HTTP/1.1 200 OK\r\n");
        while stream.write_all(b"x-more: 0123456789\r\n").is_ok() {}
    });
    let (why, _) = problem(&heads.remote(|_| ()));
    assert!(!why.is_empty() && !why.contains('\n'), "{why}");
}

#[test]
fn hanging_servers_are_given_up_and_not_asked_again() {
    let server = Server::new(|_, stream| {
        let mut rest = [0; 1];
        // Until the client closes.
        let _ = stream.read(&mut rest);
    });
    let remote = server.remote(|it| it.timeout = Duration::from_millis(300));
    let (why, away) = problem(&remote);
    assert!(why.contains("no answer within `timeout`") && away, "{why}");
    let (why, away) = problem(&remote);
    assert!(why.contains("not asked again for") && away && server.count() == 1, "{why}");
}

#[test]
fn a_cancelled_request_does_not_wait_for_the_server() {
    let server = Server::new(|_, stream| {
        let mut rest = [0; 1];
        let _ = stream.read(&mut rest);
    });
    let remote = server.remote(|it| it.timeout = Duration::from_secs(60));
    let request = Request::new(Priority::Interactive);
    let cancel = request.clone();
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(100));
        cancel.cancel();
    });
    let started = Instant::now();
    let error = request.run(|| ask(&remote)).unwrap_err();
    assert!(matches!(error, Error::Engine(EngineError::Stopped(_))), "{error}");
    assert!(started.elapsed() < Duration::from_secs(30));
}

#[test]
fn the_key_is_never_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, "sk-12345").unwrap();
    let server = Server::new(|_, stream| {
        whole(stream, "401 Unauthorized", "application/json", "{\"error\":{\"message\":\"wrong key: sk-12345\"}}");
    });
    let (why, _) = problem(&server.remote(|it| it.api_key_file = Some(key)));
    assert!(why.contains("wrong key: ***") && why.contains("is not accepted"), "{why}");
    for content in ["", "two words", "line\nline"] {
        let path = folder.path().join("other");
        std::fs::write(&path, content).unwrap();
        let options = RemoteOptions { api_key_file: Some(path), ..RemoteOptions::new("http://h", "m") };
        assert!(Remote::new(&options).is_err(), "{content:?}");
    }
}

#[test]
fn an_answer_without_its_form_is_an_error() {
    let server = Server::answering("text/event-stream", EVENTS);
    let options =
        ReplyOptions { form: Some(Form::Choices(vec!["stop".to_string(), "call".to_string()])), ..Default::default() };
    let error = server.remote(|_| ()).chat(Prompt::Text("x"), &options).unwrap_err().to_string();
    assert!(error.contains("none of `choices`"), "{error}");
    let (head, body) = server.requests.lock().unwrap()[0].clone();
    assert!(head.starts_with("POST /v1/completions") && body.contains("\"enum\":[\"stop\",\"call\"]"), "{head}{body}");
}

#[test]
#[cfg(feature = "tls")]
fn a_server_without_a_trusted_certificate_is_not_used() {
    let server = Server::new(|_, stream| whole(stream, "200 OK", "text/event-stream", EVENTS));
    let options = RemoteOptions {
        endpoint: format!("https://127.0.0.1:{}/v1", server.port),
        max_retries: 0,
        timeout: Duration::from_secs(5),
        ..RemoteOptions::new("", "m")
    };
    let (why, away) = problem(&Remote::new(&options).unwrap());
    assert!(away && !why.contains('\n'), "{why}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, "no certificate").unwrap();
    let error = Remote::new(&RemoteOptions { ca_file: Some(path), ..options }).err().unwrap().to_string();
    assert!(error.contains("no certificate in PEM format"), "{error}");
}
