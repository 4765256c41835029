//! `GET /v1/doctor`: the state of the board. Loads nothing; `edgefuse doctor` tries every graph.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use edgefuse::config::model_folder::StudentInput;
use edgefuse::config::{Device, ModelEntry};
use edgefuse::engine::resident_bytes;
use edgefuse::models::{encoders_of, read_folder};
use serde::Serialize;
use serde_json::{Value, json};

use super::failure::Failure;
use super::{Api, response};
use crate::serve::board::Board;
use crate::serve::recent;

/// One model of the device file.
#[derive(Serialize)]
struct ModelState {
    /// Its name under `models`.
    name: String,
    /// The folder's kind and name, and what the model can do; `null` and empty if the folder cannot be read.
    kind: Option<&'static str>,
    folder_name: Option<String>,
    can: Vec<&'static str>,
    /// The inputs of its decisions, with those that its encoders accept for it, and the sensors among them, if it decides.
    inputs: Vec<&'static str>,
    sensors: Vec<Value>,
    loaded: bool,
    error: Option<String>,
}

impl ModelState {
    fn of(device: &Device, name: &str, entry: &ModelEntry, loaded: bool) -> Self {
        // What keeps an encoder from being used is among the problems.
        let encoded = encoders_of(device, name).unwrap_or_default();
        let name = name.to_string();
        match read_folder(entry) {
            Ok(folder) => ModelState {
                name,
                kind: Some(folder.kind),
                folder_name: Some(folder.common.name.clone()),
                can: folder.capabilities(),
                inputs: folder
                    .spec
                    .decision_inputs()
                    .into_iter()
                    .map(StudentInput::name)
                    .chain(encoded.iter().map(|source| source.modality.name()))
                    .collect(),
                sensors: folder.spec.sensors().iter().map(|it| json!({"name": it.name, "unit": it.unit})).collect(),
                loaded,
                error: None,
            },
            Err(error) => {
                let error = Some(error.to_string());
                let (can, inputs, sensors) = Default::default();
                ModelState { name, kind: None, folder_name: None, can, inputs, sensors, loaded, error }
            }
        }
    }
}

pub async fn doctor(State(api): State<Api>) -> Result<Response, Failure> {
    // Off the protocol threads, because it reads the models' folders.
    let state = tokio::task::spawn_blocking(move || state(&api, &api.service.board())).await;
    let failed =
        |_| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the state of the board cannot be read");
    Ok(response::json(StatusCode::OK, &state.map_err(failed)?))
}

fn state(api: &Api, board: &Board) -> Value {
    let device = board.device();
    let (problems, loaded) = (board.problems(), board.models.loaded());
    let (running, waiting) = board.models.requests();
    let library = board.models.engine().library();
    let models = device.models.iter().map(|(name, entry)| ModelState::of(device, name, entry, loaded.contains(name)));
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "device": device.name,
        "uptime_seconds": api.service.uptime().as_secs(),
        "ready": problems.is_empty() && !api.service.is_stopping(),
        "problems": problems,
        "library": {"version": library.version, "path": library.path},
        "memory": {
            "resident_bytes": resident_bytes(),
            "budget_bytes": device.runtime.memory_budget.map(|budget| budget.bytes()),
        },
        "requests": {
            "running": running,
            "waiting": waiting,
            "at_once": device.runtime.requests.at_once,
            "most_waiting": device.runtime.requests.waiting,
            "live": api.live_sessions(),
            "most_live": api.most_live,
        },
        "models": models.collect::<Vec<_>>(),
        "pipeline": device.pipeline.iter().map(|step| step.name()).collect::<Vec<_>>(),
        "warnings": recent::warnings(),
    })
}
