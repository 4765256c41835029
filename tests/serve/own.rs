//! Records over HTTP, and what operators ask.

use serde_json::{Value, json};

use crate::binary::{data, root, tiny};
use crate::server::Server;

fn inline(name: &str) -> Value {
    json!({"base64": base64::encode(std::fs::read(root().join(data(name))).unwrap())})
}

#[test]
fn a_record_has_the_result_of_the_command_line() {
    let server = Server::start();
    let record = json!({"id": "a", "image": inline("easyvqa-23.png"), "text": "what is it?"});
    let mut found = server.json("/v1/run", &record).expect(200).json();
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("records.jsonl");
    std::fs::write(&manifest, record.to_string()).unwrap();
    let mut expected =
        tiny(["--quiet", "--format", "json", "run", manifest.to_str().unwrap()]).expect(0).json().remove(0);
    for result in [&mut found, &mut expected] {
        for step in ["caption", "answer", "fusion"] {
            result[step].as_object_mut().unwrap_or_else(|| panic!("no {step}")).remove("ms");
        }
    }
    assert_eq!(found, expected);
}

#[test]
fn a_form_is_a_record() {
    let server = Server::start();
    let picture = std::fs::read(root().join(data("easyvqa-23.png"))).unwrap();
    let mut body = b"--x\r\ncontent-disposition: form-data; name=\"id\"\r\n\r\nframe\r\n\
                     --x\r\ncontent-disposition: form-data; name=\"image\"; filename=\"a.png\"\r\n\r\n"
        .to_vec();
    body.extend(&picture);
    body.extend(b"\r\n--x--\r\n");
    let kind = [("content-type", "multipart/form-data; boundary=x")];
    let result = server.client().send("POST", "/v1/run", &kind, &body).expect(200).json();
    assert_eq!(result["id"], "frame");
    assert!(result["caption"]["text"].is_string(), "{result}");
}

#[test]
fn paths_are_never_opened() {
    let server = Server::start();
    for record in [
        json!({"image": "/etc/passwd"}),
        json!({"audio": data("librivox-0930.wav")}),
        json!({"image_embedding": "/etc/passwd"}),
        json!({"text_embedding": "../../x.npy"}),
    ] {
        for path in ["/v1/run", "/v1/fuse"] {
            server.json(path, &record).expect_error(400, "invalid_request", &["paths are not accepted"]);
        }
    }
    let body = json!({"image": "/etc/passwd", "texts": ["a"]});
    server.json("/v1/match", &body).expect_error(400, "invalid_request", &["paths are not accepted"]);
}

#[test]
fn a_student_decides_and_texts_are_matched() {
    let server = Server::start();
    let fused = server.json("/v1/fuse", &json!({"image": inline("easyvqa-23.png")})).expect(200).json();
    assert!(fused["fusion"]["label"].is_string() || fused["fusion"].is_object(), "{fused}");
    let body = json!({"image": inline("easyvqa-23.png"), "texts": ["a circle", "a square"]});
    let matched = server.json("/v1/match", &body).expect(200).json();
    assert_eq!(matched["match"]["texts"].as_array().unwrap().len(), 2, "{matched}");
    let none = json!({"image": inline("easyvqa-23.png"), "texts": []});
    server.json("/v1/match", &none).expect_error(400, "invalid_request", &["`texts`"]);
}

#[test]
fn a_record_that_cannot_be_processed_is_an_error() {
    let server = Server::start();
    let broken = server.json("/v1/run", &json!({"image": {"base64": "aGVsbG8="}})).expect(422).json();
    assert!(broken["caption"]["error"].as_str().unwrap().contains("(picture in memory)"), "{broken}");
    for (record, word) in [
        (json!({"imagee": {}}), "unknown field `imagee`"),
        (json!({"image": {"base64": "*"}}), "a picture must be"),
        (json!(3), "not as expected"),
        (json!({}), "none of image, audio and text"),
        (json!({"text": " "}), "text is empty"),
    ] {
        server.json("/v1/run", &record).expect_error(400, "invalid_request", &[word]);
    }
    let compressed = [("content-type", "application/json"), ("content-encoding", "gzip")];
    let answer = server.client().send("POST", "/v1/run", &compressed, b"\x1f\x8b\x08\0");
    answer.expect_error(415, "unsupported_media_type", &["`gzip`", "without `Content-Encoding`"]);
    let plain = [compressed[0], ("content-encoding", "identity")];
    server.client().send("POST", "/v1/run", &plain, b"{\"text\": \"a\"}").expect(200);
}

#[test]
fn operators_see_life_readiness_and_metrics() {
    let server = Server::start();
    for path in ["/health", "/v2/health/live"] {
        assert_eq!(server.get(path).expect(200).json()["status"], "ok");
    }
    for path in ["/ready", "/v2/health/ready"] {
        assert_eq!(server.get(path).expect(200).json()["status"], "ready");
    }
    server.json("/v1/run", &json!({"image": inline("easyvqa-23.png")})).expect(200);
    server.get("/nowhere").expect_error(404, "not_found", &["docs/serve.md"]);
    server.client().send("DELETE", "/v1/run", &[], b"").expect_error(405, "method_not_allowed", &[]);
    let openmetrics = "application/openmetrics-text";
    let prometheus = format!("{openmetrics};version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2");
    let metrics = |accepted: &[(&str, &str)]| server.client().send("GET", "/metrics", accepted, b"").expect(200);
    let answer = metrics(&[("accept", &prometheus)]);
    assert!(answer.header("content-type").unwrap().starts_with(openmetrics), "{:?}", answer.headers);
    let text = answer.text();
    for line in [
        "# TYPE edgefuse_http_requests counter",
        "edgefuse_http_requests_total{route=\"/v1/run\",status=\"200\"} 1",
        "edgefuse_http_requests_total{route=\"none\",status=\"404\"} 1",
        "edgefuse_step_duration_seconds_count{step=\"caption\"} 1",
        "edgefuse_model_loaded{model=\"blip\"} 1",
        "edgefuse_model_loaded{model=\"whisper\"} 0",
        "edgefuse_requests_running 0",
        "# UNIT process_resident_memory_bytes bytes",
        "# EOF",
    ] {
        assert!(text.lines().any(|known| known == line), "{line} is not in:\n{text}");
    }
    for accepted in [&[][..], &[("accept", "text/plain")], &[("accept", "*/*")]] {
        let plain = metrics(accepted);
        assert_eq!(plain.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        let plain = plain.text();
        assert!(plain.lines().any(|line| line == "# TYPE edgefuse_http_requests_total counter"), "{plain}");
        assert!(!plain.contains("# EOF") && !plain.contains("# UNIT"), "{plain}");
    }
    assert!(server.metric("edgefuse_tokens_total") > 0.0);
    assert!(server.metric("edgefuse_queue_wait_seconds_count") > 0.0);
}

#[test]
fn a_missing_model_is_not_ready() {
    let folder = tempfile::tempdir().unwrap();
    let file = crate::server::device_file(folder.path(), "", "http: {listen: 127.0.0.1:0}");
    let text = std::fs::read_to_string(&file).unwrap() + "models: {whisper: {path: /nowhere}}\n";
    std::fs::write(&file, text).unwrap();
    let server = Server::of(folder, &file, &[]);
    let ready = server.get("/ready").expect(503).json();
    assert!(ready["status"] == "not ready" && !ready.to_string().contains("nowhere"), "{ready}");
    server.get("/health").expect(200);
}

#[test]
fn the_state_of_the_board_names_its_models_and_warnings() {
    let server = Server::start();
    let state = server.get("/v1/doctor").expect(200).json();
    assert_eq!(
        (&state["device"], &state["ready"], &state["requests"]["live"]),
        (&"tiny".into(), &true.into(), &0.into())
    );
    let models = state["models"].as_array().unwrap();
    let model = |name: &str| models.iter().find(|model| model["name"] == name).unwrap().clone();
    assert_eq!((&model("whisper")["can"], &model("whisper")["loaded"]), (&json!(["transcribe"]), &false.into()));
    assert_eq!((&model("whisper")["inputs"], &model("whisper")["sensors"]), (&json!([]), &json!([])));
    let student = model("student");
    assert_eq!(student["inputs"], json!(["text", "sensors", "image", "audio"]));
    assert_eq!(student["sensors"][0], json!({"name": "temperature", "unit": "°C"}));
    let speech = std::fs::read(root().join(data("librivox-0930.wav"))).unwrap();
    server.client().form("/v1/audio/transcriptions", &[("model", "whisper")], &speech).expect(200);
    let state = server.get("/v1/doctor").expect(200).json();
    assert!(state["models"].as_array().unwrap().iter().any(|it| it["name"] == "whisper" && it["loaded"] == true));
    assert!(state["memory"]["resident_bytes"].as_u64().unwrap() > 1 << 20, "{state}");
}
