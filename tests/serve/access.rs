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
