//! `/v1/search`: what a pipeline with a step `index` has processed, and small pictures of it.

use std::fs;

use serde_json::{Value, json};

use crate::binary::{data, root};
use crate::server::{KEY, Server, device_file, live};

fn inline(name: &str) -> Value {
    json!({"base64": base64::encode(fs::read(root().join(data(name))).unwrap())})
}

/// A service that has indexed two pictures.
fn started() -> Server {
    let steps = "pipeline: [caption: {min_tokens: 3, max_tokens: 8}, index: {into: FOLDER/seen.idx, model: blip}]\n";
    let (folder, file) = live(steps);
    let server = Server::of(folder, &file, &[]);
    for name in ["easyvqa-0.png", "easyvqa-23.png"] {
        let result = server.json("/v1/run", &json!({"id": name, "image": inline(name)})).expect(200).json();
        assert_eq!(result["index"]["items"], 1, "{result}");
    }
    server
}

#[test]
fn what_was_processed_is_found() {
    let server = started();
    assert_eq!(server.get("/v1/search").expect(200).json(), json!({"indexes": [{"name": "seen", "items": 2}]}));
    let found = server.json("/v1/search", &json!({"image": inline("easyvqa-23.png"), "top": 1})).expect(200).json();
    let hit = &found["hits"][0];
    assert_eq!(
        (&found["index"], &hit["id"], &hit["kind"]),
        (&"seen".into(), &"easyvqa-23.png".into(), &"picture".into())
    );
    assert!(hit["similarity"]["picture"].as_f64().unwrap() > 0.999 && hit["time"].as_f64().unwrap() > 1e9, "{hit}");
    let picture = server.get(&format!("/{}", hit["thumbnail"].as_str().unwrap())).expect(200);
    assert_eq!(picture.header("content-type"), Some("image/jpeg"));
    assert!(picture.body.starts_with(&[0xff, 0xd8, 0xff]));
    let words = hit["text"].as_str().unwrap();
    let by_text = server.json("/v1/search", &json!({"text": words, "where": "time >= -1h"})).expect(200).json();
    assert!(by_text["hits"].as_array().unwrap().iter().any(|hit| hit["id"] == "easyvqa-23.png"), "{by_text}");
    let none = server.json("/v1/search", &json!({"text": words, "where": "time < -1h"})).expect(200).json();
    assert_eq!(none["hits"], json!([]));
}

#[test]
fn bad_searches_are_errors() {
    let server = started();
    for (body, words) in [
        (json!({}), "needs `text`, `image` or `audio`"),
        (json!({"text": " "}), "`text`"),
        (json!({"text": "x".repeat(20_000)}), "`text`"),
        (json!({"text": "a", "top": 0}), "`top`"),
        (json!({"text": "a", "top": 1001}), "`top`"),
        (json!({"text": "a", "where": "kind = bird"}), "unknown kind `bird`"),
        (json!({"text": "a", "path": "/etc"}), "unknown field `path`"),
        (json!({"image": "/etc/passwd"}), "paths are not accepted"),
    ] {
        server.json("/v1/search", &body).expect_error(400, "invalid_request", &[words]);
    }
    server.json("/v1/search", &json!({"image": {"base64": "aGVsbG8="}})).expect_error(400, "invalid_input", &[]);
    server.json("/v1/search", &json!({"text": "a", "index": "x"})).expect_error(404, "not_found", &["there are seen"]);
    for path in ["seen/99/thumbnail", "none/0/thumbnail"] {
        server.get(&format!("/v1/search/{path}")).expect_error(404, "not_found", &[]);
    }
    for path in ["seen/-1/thumbnail", "seen/..%2F..%2Fetc/thumbnail", "seen/99999999999/thumbnail"] {
        server.get(&format!("/v1/search/{path}")).expect_error(400, "invalid_request", &[]);
    }
}

#[test]
fn a_listed_index_need_not_exist_yet() {
    let folder = tempfile::tempdir().unwrap();
    let http = format!("http: {{listen: 127.0.0.1:0, indexes: {{photos: {}/p.idx}}}}", folder.path().display());
    let file = device_file(folder.path(), "", &http);
    let server = Server::of(folder, &file, &[]);
    let listed = server.get("/v1/search").expect(200).json();
    assert_eq!((&listed["indexes"][0]["name"], &listed["indexes"][0]["items"]), (&"photos".into(), &0.into()));
    server.json("/v1/search", &json!({"text": "a"})).expect_error(404, "not_found", &["nothing at this path"]);
    let server = Server::start();
    server.json("/v1/search", &json!({"text": "a"})).expect_error(404, "not_found", &["no index"]);
}

#[test]
fn searches_need_the_key() {
    let server = crate::server::keyed();
    server.get("/v1/search").expect(401);
    server.get("/v1/search/seen/0/thumbnail").expect(401);
    let key = format!("Bearer {KEY}");
    server.client().send("GET", "/v1/search", &[("authorization", &key)], b"").expect(200);
}
