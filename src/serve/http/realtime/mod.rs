//! `WebSocket /v1/realtime`: live transcription with the events of OpenAI's Realtime API, for sessions of the type
//! `transcription`.

mod agreement;
mod client_events;
mod hearing;
mod server_events;
mod session;
mod settings;
mod turns;

use axum::extract::rejection::QueryRejection;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;

use super::Api;
use super::failure::Failure;
use crate::serve::metrics::Rejection;
use server_events::Names;
use session::Session;
use settings::Settings;

/// The subprotocol that OpenAI's browser clients offer, beside one with their key.
const PROTOCOL: &str = "realtime";

/// Maximum size of a message in bytes: half a minute of sound at 24 kHz, in base64. Clients usually send a tenth of a
/// second at a time.
const LARGEST_MESSAGE: usize = 2 << 20;

/// The query of the address.
#[derive(Deserialize)]
pub struct Asked {
    intent: Option<String>,
    model: Option<String>,
}

pub async fn realtime(
    State(api): State<Api>,
    asked: Result<Query<Asked>, QueryRejection>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Failure> {
    let upgrade = upgrade.map_err(|error| {
        let message = format!("this path requires WebSocket: {error}");
        Failure::new(StatusCode::UPGRADE_REQUIRED, "upgrade_required", message)
    })?;
    let Query(asked) = asked.map_err(|error| Failure::invalid(error.body_text()))?;
    if asked.intent.is_some_and(|intent| intent != "transcription") {
        return Err(Failure::field("intent", "only `transcription` is supported"));
    }
    let mut settings = Settings::of(&api.service.board());
    settings.choose(&api, asked.model.as_deref())?;
    if api.service.is_stopping() {
        return Err(Failure::busy("the service is stopping"));
    }
    let Ok(place) = api.lives.clone().try_acquire_owned() else {
        api.service.metrics.rejected(Rejection::Live);
        return Err(Failure::busy("the limit of live sessions is reached (`server.http.limits.live`)"));
    };
    let names = Names::of(&headers);
    let upgrade = upgrade.protocols([PROTOCOL]).max_message_size(LARGEST_MESSAGE).max_frame_size(LARGEST_MESSAGE);
    Ok(upgrade.on_upgrade(async move |socket| {
        api.service.metrics.live(1);
        if let Err(gone) = Session::new(&api, socket, settings, names).run().await {
            log::debug!("realtime: {gone}");
        }
        api.service.metrics.live(-1);
        drop(place);
    }))
}
