//! The description of the API, as clients get it.

use serde_json::Value;

use crate::server::Server;

#[test]
fn the_description_is_served_and_its_paths_answer() {
    let server = Server::start();
    let answer = server.get("/openapi.json").expect(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let description = answer.json();
    assert_eq!(description["openapi"], "3.1.0");
    for (path, item) in description["paths"].as_object().unwrap() {
        let path = path.replace("{name}", "blip");
        let methods: Vec<String> = item.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            let answer = server.client().send(method, &path, &[], b"");
            let documented = &item[method.to_lowercase()]["responses"][answer.status.to_string()];
            match methods.iter().any(|known| known == method) {
                true => check(&description, documented, answer.header("content-type").unwrap()),
                false => {
                    let allowed = answer.header("allow").unwrap().replace(",HEAD", "");
                    assert_eq!(allowed, methods.join(","), "{method} {path}");
                    answer.expect_error(405, "method_not_allowed", &[]);
                }
            }
        }
    }
}

#[test]
fn addresses_that_cannot_be_read_are_errors_of_the_usual_form() {
    let server = Server::start();
    for path in ["/v1/models/%ff", "/page/%ff"] {
        server.get(path).expect_error(400, "invalid_request", &["UTF-8"]);
    }
    let upgrade = [
        ("connection", "upgrade, close"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let twice = server.client().send("GET", "/v1/realtime?intent=transcription&intent=x", &upgrade, b"");
    twice.expect_error(400, "invalid_request", &["intent"]);
}

/// Asserts that a response, or what it refers to, has this media type.
#[track_caller]
fn check(description: &Value, response: &Value, kind: &str) {
    let pointer = response["$ref"].as_str().map(|reference| reference.trim_start_matches('#'));
    let response = pointer.map_or(response, |pointer| description.pointer(pointer).unwrap());
    let kinds = response["content"].as_object().unwrap_or_else(|| panic!("{kind} is not described: {response}"));
    assert!(kinds.contains_key(kind.split(';').next().unwrap()), "{kind} is not in {response}");
}
