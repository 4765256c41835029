//! `GET /v1/models`.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use edgefuse::config::model_folder::capability;
use edgefuse::models::choose_model;
use serde_json::{Value, json};

use super::{ANY_MODEL, WHISPER};
use crate::serve::board::Board;
use crate::serve::http::failure::Failure;
use crate::serve::http::{Api, response};

/// Every model of the device file, and the names that leave the choice to the device file.
pub async fn models(State(api): State<Api>) -> Response {
    let board = api.service.board();
    let models: Vec<Value> = names(&board).iter().map(|name| object(&api, name)).collect();
    response::json(StatusCode::OK, &json!({"object": "list", "data": models}))
}

/// One model.
pub async fn model(State(api): State<Api>, name: Result<Path<String>, PathRejection>) -> Result<Response, Failure> {
    let Path(name) = name.map_err(|error| Failure::invalid(error.body_text()))?;
    let names = names(&api.service.board());
    match names.contains(&name) {
        true => Ok(response::json(StatusCode::OK, &object(&api, &name))),
        false => Err(Failure::model_not_found(&name, &names.join(", "))),
    }
}

fn names(board: &Board) -> Vec<String> {
    let mut names: Vec<String> = board.device().models.keys().cloned().collect();
    let transcribes = board
        .device()
        .models
        .keys()
        .any(|name| choose_model(board.device(), capability::TRANSCRIBE, Some(name), "models").is_ok());
    for alias in [Some(ANY_MODEL), transcribes.then_some(WHISPER)].into_iter().flatten() {
        // A model of the device file may be called like that, and then is what the name means.
        if !names.iter().any(|name| name == alias) {
            names.push(alias.to_string());
        }
    }
    names
}

fn object(api: &Api, name: &str) -> Value {
    json!({"id": name, "object": "model", "created": api.service.started, "owned_by": "edgefuse"})
}
