//! `POST /v1/completions`: a language model continues a text, without a chat template.

use axum::extract::{Request as HttpRequest, State};
use axum::response::Response;
use edgefuse::config::ChatOptions;
use serde::Deserialize;

use super::ANY_MODEL;
use super::language::{Asked, Given, Kind, Sampling, answer};
use crate::serve::http::body::Held;
use crate::serve::http::failure::Failure;
use crate::serve::http::{Api, json};

/// A request. Fields that these models do not support are ignored, as in OpenAI's API.
#[derive(Deserialize)]
struct Completion {
    prompt: Texts,
    model: Option<String>,
    n: Option<usize>,
    logprobs: Option<usize>,
    #[serde(default, deserialize_with = "json::or_default")]
    echo: bool,
    #[serde(flatten)]
    sampling: Sampling,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "`prompt` must be a text")]
enum Texts {
    One(String),
    Several(Vec<String>),
}

pub async fn completions(State(api): State<Api>, request: HttpRequest) -> Result<Response, Failure> {
    let (headers, Held { bytes, permit: _permit }) = api.receive(request).await?;
    let completion: Completion = json::read(&headers, &bytes)?;
    drop(bytes);
    let prompt = match completion.prompt {
        Texts::One(text) => text,
        Texts::Several(mut texts) if texts.len() == 1 => texts.remove(0),
        Texts::Several(_) => return Err(Failure::field("prompt", "only one text per request is supported")),
    };
    if completion.n.is_some_and(|n| n != 1) {
        return Err(Failure::field("n", "only one answer is supported"));
    }
    if completion.echo {
        return Err(Failure::field("echo", "is not supported"));
    }
    let model = api.model(completion.model.as_deref(), &[ANY_MODEL])?;
    let device: ChatOptions = api.service.board().device().options();
    let (stream, stream_usage) = (completion.sampling.stream, completion.sampling.streams_usage());
    let asked = Asked {
        kind: Kind::Completion,
        shown: completion.model.unwrap_or_else(|| ANY_MODEL.to_string()),
        model: model.or_else(|| device.model.clone()),
        prompt: Given::Text(prompt),
        options: completion.sampling.options(&device, completion.logprobs, None)?,
        logprobs: completion.logprobs.is_some(),
        stream,
        stream_usage,
    };
    answer(api, asked).await
}
