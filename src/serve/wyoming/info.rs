//! The description of the service that `describe` asks for.

use serde_json::{Value, json};

use crate::serve::board::Board;
use crate::serve::speech_models::transcribing;

/// The `info` event's data.
pub fn info(board: &Board) -> Value {
    let attribution = json!({"name": "edgefuse", "url": env!("CARGO_PKG_REPOSITORY")});
    let device = board.device();
    let models: Vec<Value> = transcribing(device)
        .map(|(name, folder)| {
            json!({
                "name": name,
                "description": folder.common.name,
                "attribution": attribution,
                "installed": true,
                "version": null,
                "languages": folder.spec.languages(),
            })
        })
        .collect();
    let program = json!({
        "name": "edgefuse",
        "description": format!("edgefuse on {}", device.name),
        "attribution": attribution,
        "installed": true,
        "version": env!("CARGO_PKG_VERSION"),
        "models": models,
        "supports_transcript_streaming": true,
    });
    json!({"asr": [program]})
}
