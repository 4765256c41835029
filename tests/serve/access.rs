//! Who may use the service.

use crate::binary::{run, tiny_command};
use crate::server::{KEY, Server, device_file, keyed};

#[test]
fn a_key_is_needed_for_everything_but_health() {
    let server = keyed();
    let client = server.client();
    let sent = |headers: &[(&str, &str)]| client.send("GET", "/v1/models", headers, b"");
    for headers in [
        &[][..],
        &[("authorization", "Bearer wrong")],
        &[("authorization", KEY)],
        &[("authorization", "Basic 0123456789abcdef0123456789abcdef")],
        &[("authorization", "Bearer 0123456789abcdef0123456789abcdef0")],
    ] {
        let answer = sent(headers);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        answer.expect_error(401, "invalid_api_key", &["Authorization: Bearer KEY"]);
    }
    for headers in [format!("Bearer {KEY}"), format!("bearer {KEY}")] {
        sent(&[("authorization", &headers)]).expect(200);
    }
    client.send("GET", "/metrics", &[], b"").expect(401);
    client.send("POST", "/v1/run", &[("content-type", "application/json")], b"{}").expect(401);
    client.send("GET", "/health", &[], b"").expect(200);
    client.send("GET", "/ready", &[], b"").expect(200);
}

#[test]
fn web_pages_are_refused_unless_they_are_listed() {
    let server = keyed();
    let client = server.client();
    let key = format!("Bearer {KEY}");
    let sent = |method: &str, origin: &str| {
        client.send(method, "/v1/models", &[("authorization", &key), ("origin", origin)], b"")
    };
    sent("GET", "http://evil.example").expect_error(403, "forbidden", &["origin"]);
    sent("GET", "null").expect_error(403, "forbidden", &["origin"]);
    let own = format!("http://{}", server.http.as_ref().unwrap());
    assert_eq!(sent("GET", &own).expect(200).header("access-control-allow-origin"), None);
    let listed = sent("GET", "http://panel").expect(200);
    assert_eq!(listed.header("access-control-allow-origin"), Some("http://panel"));
    let preflight = client.send("OPTIONS", "/v1/run", &[("origin", "http://panel")], b"").expect(204);
    assert_eq!(preflight.header("access-control-allow-headers"), Some("authorization, content-type"));
    assert_eq!(preflight.header("access-control-expose-headers"), Some("x-request-id, retry-after"));
    // OpenAI's JavaScript client has headers of its own.
    let asked = "authorization,content-type,x-stainless-arch,x-stainless-retry-count";
    let asking = [("origin", "http://panel"), ("access-control-request-headers", asked)];
    let preflight = client.send("OPTIONS", "/v1/run", &asking, b"").expect(204);
    assert_eq!(preflight.header("access-control-allow-headers"), Some(asked));
    assert_eq!(preflight.header("vary"), Some("origin, access-control-request-headers"));
    let asking = [("origin", "http://evil.example"), asking[1]];
    let refused = client.send("OPTIONS", "/v1/run", &asking, b"").expect(403);
    assert_eq!(refused.header("access-control-allow-headers"), None);
    // A key is what protects a service that has other names.
    let named = client.send("GET", "/v1/models", &[("authorization", &key), ("host", "board.local")], b"");
    named.expect(200);
}

#[test]
fn without_a_key_this_machine_has_its_own_names_only() {
    let server = Server::start();
    let sent = |host: &str| server.client().send("GET", "/v1/models", &[("host", host)], b"");
    sent("evil.example").expect_error(403, "forbidden", &["for this machine only"]);
    sent("localhost:9").expect(200);
    let twice = [("host", "localhost"), ("host", "evil.example")];
    server.client().send("GET", "/v1/models", &twice, b"").expect_error(400, "invalid_request", &["`Host`"]);
}

#[test]
fn a_reload_changes_who_may_use_the_service() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), KEY).unwrap();
    let file = device_file(folder.path(), "", "http: {listen: 127.0.0.1:0, origins: ['http://panel']}");
    let mut server = Server::of(folder, &file, &[]);
    let (panel, named) = (("origin", "http://panel"), ("host", "board.local"));
    let key = format!("Bearer {KEY}");
    let key = ("authorization", key.as_str());
    let status =
        |server: &Server, headers: &[(&str, &str)]| server.client().send("GET", "/v1/models", headers, b"").status;
    assert_eq!((status(&server, &[panel]), status(&server, &[named])), (200, 403));
    let mut reloaded = |lines: &str| {
        device_file(server.folder.path(), "", lines);
        server.signal("-HUP");
        server.line()
    };
    let keyed = "http: {listen: 127.0.0.1:0, api_key_file: key, limits: {connections: 1}}";
    assert_eq!(reloaded(keyed), "reloaded the device file\n");
    // What is made at the start stays, which is said as often as it matters.
    for _ in 0..2 {
        let line = reloaded("http: {listen: 127.0.0.1:0, api_key_file: key, limits: {connections: 1, live: 3}}");
        assert!(line.contains("`live`") && line.contains("only with a restart"), "{line}");
    }
    // A key is not lost, be it with its section.
    for lines in ["http: {listen: 127.0.0.1:0}", "wyoming: {listen: 127.0.0.1:0}"] {
        let line = reloaded(lines);
        assert!(line.contains("removing the key needs a restart"), "{line}");
    }
    assert_eq!(status(&server, &[named]), 401);
    assert_eq!((status(&server, &[key, panel]), status(&server, &[key, named])), (403, 200));
    let held = server.client().connect();
    while status(&server, &[key]) != 503 {}
    drop(held);
}

#[test]
fn other_machines_need_a_key_or_insecure() {
    let folder = tempfile::tempdir().unwrap();
    let started = |server: &str, arguments: &[&str]| {
        let file = device_file(folder.path(), "", server);
        run(tiny_command().arg("--config").arg(file).arg("serve").args(arguments))
    };
    let open = "http: {listen: '0.0.0.0:0'}";
    started(open, &[]).expect(2).expect_error(&["server.http.listen", "api_key_file", "--insecure"]);
    started("", &[]).expect(2).expect_error(&["neither `server` nor `sources`"]);
    let missing = "http: {listen: '0.0.0.0:0', api_key_file: none}";
    started(missing, &["--insecure"]).expect(2).expect_error(&["none: cannot read"]);
    std::fs::write(folder.path().join("short"), "secret").unwrap();
    started("http: {listen: '0.0.0.0:0', api_key_file: short}", &[]).expect(2).expect_error(&["a key is one line"]);
    started("http: {listen: '127.0.0.1:0', colour: 1}", &[])
        .expect(2)
        .expect_error(&["device.yaml:4:", "unknown field"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("http: {{listen: '{}'}}", taken.local_addr().unwrap());
    started(&taken, &[]).expect(2).expect_error(&["server.http.listen", "in use"]);
    let server = Server::with("", open, &["--insecure"]);
    let address = server.http.as_ref().unwrap().replace("0.0.0.0", "127.0.0.1");
    let host = [("host", "board.local")];
    crate::client::Client::new(&address).send("GET", "/v1/models", &host, b"").expect(200);
}
