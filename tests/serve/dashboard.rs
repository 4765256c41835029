//! docs/serve-dashboard.json, Grafana's dashboard of the service.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::binary::root;
use crate::server::{Server, live};

#[test]
fn the_dashboard_shows_every_metric_and_no_other() {
    let (folder, file) = live("sources: {lines: {manifest: none.jsonl}}\nsinks: [{jsonl: {path: FOLDER/out}}]\n");
    let server = Server::of(folder, &file, &[]);
    // A family with labels is served once it has a sample.
    server.json("/v1/fuse", &json!({"text": "what is it?"})).expect(200);
    server.client().send("GET", "/v1/models", &[("host", "evil.example")], b"").expect(403);
    let text = server.get("/metrics").expect(200).text();
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let served: BTreeSet<String> = types
        .map(|(name, kind)| match kind {
            "histogram" => format!("{name}_bucket"),
            _ => name.to_string(),
        })
        .collect();
    let file = std::fs::read_to_string(root().join("docs/serve-dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&file).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let expressions: Vec<&str> = targets.map(|target| target["expr"].as_str().unwrap()).collect();
    let words = expressions.iter().flat_map(|text| text.split(|it: char| !it.is_ascii_alphanumeric() && it != '_'));
    let shown: BTreeSet<String> = words
        .filter(|word| word.starts_with("edgefuse_") || word.starts_with("process_"))
        .map(str::to_string)
        .collect();
    assert_eq!(shown, served);
}
