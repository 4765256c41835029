//! edgefuse's own API: records in, results out, in the format of `edgefuse run`.

use axum::extract::{Request as HttpRequest, State};
use axum::http::StatusCode;
use axum::response::Response;
use edgefuse::config::{FuseOptions, MatchOptions, Step, Texts};
use edgefuse::pipeline::{Picture, Sound};
use edgefuse::{Record, RecordResult};
use serde::Deserialize;

use super::Api;
use super::body::Held;
use super::failure::Failure;
use super::form::Form;
use super::{json, response};

/// Maximum number of texts that a picture is compared with.
const MOST_TEXTS: usize = 1_000;

/// `POST /v1/run`: the device file's pipeline on one record.
pub async fn run(State(api): State<Api>, request: HttpRequest) -> Result<Response, Failure> {
    let (headers, held) = api.receive(request).await?;
    let Held { bytes, permit } = held;
    let record = match json::is(&headers, "multipart/form-data") {
        true => record_of(Form::read(&headers, bytes, &["image", "audio"]).await?)?,
        false => json::read::<Record>(&headers, &bytes)?,
    };
    let record = checked(record)?;
    let service = api.service.clone();
    let work = api.service.work(api.request(), move |board| {
        let _permit = permit;
        let result = board.pipeline.process(&record, &mut |_, _| {})?;
        service.metrics.processed(&result);
        Ok(result)
    });
    let result = work.await?;
    Ok(answer(&result))
}

/// `POST /v1/fuse`: the student's decision about one record.
pub async fn fuse(State(api): State<Api>, request: HttpRequest) -> Result<Response, Failure> {
    let (headers, Held { bytes, permit }) = api.receive(request).await?;
    let record = checked(json::read(&headers, &bytes)?)?;
    drop(bytes);
    let options = FuseOptions { strict: true, ..api.service.board().device().options::<FuseOptions>() };
    one(&api, permit, options.into(), record).await
}

/// A picture and the texts that it is compared with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Comparison {
    image: Picture,
    texts: Vec<String>,
    #[serde(default, deserialize_with = "json::or_default")]
    embeddings: bool,
    model: Option<String>,
}

/// `POST /v1/match`: how well texts fit a picture.
pub async fn compare(State(api): State<Api>, request: HttpRequest) -> Result<Response, Failure> {
    let (headers, Held { bytes, permit }) = api.receive(request).await?;
    let Comparison { image, texts, embeddings, model } = json::read(&headers, &bytes)?;
    drop(bytes);
    let record = checked(Record::default().with_image(image))?;
    if texts.is_empty() || texts.len() > MOST_TEXTS || texts.iter().any(|text| text.trim().is_empty()) {
        return Err(Failure::field("texts", format!("must be 1 to {MOST_TEXTS} texts, none of them empty")));
    }
    let device = api.service.board().device().options::<MatchOptions>();
    let model = api.model(model.as_deref(), &[])?.or(device.model);
    let options = MatchOptions { model, texts: Some(Texts::List(texts)), embeddings };
    one(&api, permit, options.into(), record).await
}

async fn one(
    api: &Api,
    permit: Option<tokio::sync::OwnedSemaphorePermit>,
    step: Step,
    record: Record,
) -> Result<Response, Failure> {
    let results = api.process(api.request(), permit, vec![step], vec![record]).await?;
    results.first().map(answer).ok_or_else(|| Failure::invalid("there is nothing to process"))
}

/// The result, or an error status if every step failed.
fn answer(result: &RecordResult) -> Response {
    let failed = !result.errors().is_empty() && result.costs().next().is_none();
    response::json(if failed { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }, result)
}

/// A record without paths: a client must not name files of this machine.
fn checked(record: Record) -> Result<Record, Failure> {
    if let Some(problem) = record.problem() {
        return Err(Failure::invalid(problem));
    }
    if record.files().next().is_none() {
        return Ok(record);
    }
    Err(Failure::invalid(
        "paths are not accepted: send `image` and `audio` as {\"base64\": \"...\"} and embeddings as lists of numbers",
    ))
}

/// A record from a form: files `image` and `audio`, and the fields `id`, `text` and `sensors`.
fn record_of(mut form: Form) -> Result<Record, Failure> {
    let mut record = Record::default();
    record.image = form.file("image").map(|bytes| Picture::from_bytes(bytes.to_vec()));
    record.audio = form.file("audio").map(|bytes| Sound::from_bytes(bytes.to_vec()));
    for (name, text) in form.texts() {
        match name {
            "id" => record.id = Some(text.to_string()),
            "text" => record.text = Some(text.to_string()),
            "sensors" => {
                let sensors = serde_json::from_str(text).map_err(|error| Failure::field("sensors", error))?;
                record.sensors = Some(sensors);
            }
            other => return Err(Failure::field(other, "unknown; a record has id, image, audio, text and sensors")),
        }
    }
    Ok(record)
}
