//! `GET /openapi.json`: the description of the API, for clients and generators of clients.

use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;

use super::response;

/// The description, written by hand. A test compares it with the routes.
const DESCRIPTION: &str = include_str!("openapi.json");

/// The description of this API in OpenAPI's format.
pub async fn description() -> Response {
    response::typed(StatusCode::OK, HeaderValue::from_static("application/json"), DESCRIPTION)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::DESCRIPTION;
    use crate::serve::http::{guarded, open};

    fn described() -> Value {
        serde_json::from_str(DESCRIPTION).unwrap()
    }

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let description = described();
        let mut found = Vec::new();
        for (path, item) in description["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let is_open = operation["security"] == serde_json::json!([]);
                found.push((method.as_str(), path.as_str(), is_open));
            }
        }
        let listed = |routes: Vec<(&'static str, &'static str)>, is_open: bool| {
            routes.into_iter().map(move |(method, path)| (method, path, is_open))
        };
        let mut routes: Vec<_> = listed(open().listed, true).chain(listed(guarded().listed, false)).collect();
        found.sort_unstable();
        routes.sort_unstable();
        assert_eq!(found, routes);
    }

    #[test]
    fn it_has_the_version_of_the_program_and_its_references_lead_somewhere() {
        let description = described();
        assert_eq!(description["info"]["version"], env!("CARGO_PKG_VERSION"));
        let mut rest = DESCRIPTION;
        let mut used = std::collections::BTreeSet::new();
        while let Some((_, after)) = rest.split_once("\"$ref\": \"#") {
            let (pointer, after) = after.split_once('"').unwrap();
            assert!(description.pointer(pointer).is_some(), "{pointer}");
            used.insert(pointer.rsplit('/').next().unwrap());
            rest = after;
        }
        // Descriptions name the events of streams and WebSockets: OpenAPI 3.1 has no schema for them.
        let events = ["TranscriptDelta", "TranscriptDone", "ChatChunk", "RealtimeClientEvent", "RealtimeServerEvent"];
        for part in ["headers", "responses", "schemas"] {
            for name in description["components"][part].as_object().unwrap().keys() {
                assert!(used.contains(name.as_str()) || events.contains(&name.as_str()), "{name} is not used");
            }
        }
    }
}
