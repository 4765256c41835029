//! `/v1/search`: the indexes of the device, searched by text, picture and sound, with small pictures of what was found.

use std::path::{Path as FilePath, PathBuf};

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request as HttpRequest, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use edgefuse::index::{Filter, Hit, Index, Item, ItemKind, MOST_RESULTS};
use edgefuse::pipeline::{Picture, Question, Searched, Sound, thumbnail_of};
use edgefuse::{Error, Record};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Api;
use super::body::Held;
use super::failure::Failure;
use super::{json, response};

/// Number of results, unless the client asks for another.
const TOP: usize = 10;

/// Bytes of the longest text.
const LONGEST_TEXT: usize = 16 << 10;

/// A search.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    index: Option<String>,
    text: Option<String>,
    image: Option<Picture>,
    audio: Option<Sound>,
    top: Option<usize>,
    r#where: Option<String>,
    model: Option<String>,
}

#[derive(Serialize)]
struct Answer {
    index: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    heard: Option<String>,
    hits: Vec<Shown>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// A result with the path of its small picture below the service's address.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    hit: Hit,
    #[serde(skip_serializing_if = "Option::is_none")]
    thumbnail: Option<String>,
}

/// `GET /v1/search`: the indexes, with the number of their items. One that nothing was written to yet has none.
pub async fn indexes(State(api): State<Api>) -> Result<Response, Failure> {
    let work = api.service.work(api.request(), move |board| {
        let listed = board.indexes.iter().map(|(name, path)| match Index::open(path) {
            Ok(index) => json!({"name": name, "items": index.summary().items}),
            Err(error) => json!({"name": name, "items": 0, "problem": error.to_string()}),
        });
        Ok(listed.collect::<Vec<Value>>())
    });
    Ok(response::json(StatusCode::OK, &json!({"indexes": work.await?})))
}

/// `POST /v1/search`
pub async fn search(State(api): State<Api>, request: HttpRequest) -> Result<Response, Failure> {
    let (headers, Held { bytes, permit }) = api.receive(request).await?;
    let Asked { index, text, image, audio, top, r#where: filter, model } = json::read(&headers, &bytes)?;
    drop(bytes);
    let (name, path) = find(&api, index.as_deref())?;
    if text.is_none() && image.is_none() && audio.is_none() {
        return Err(Failure::invalid("a search needs `text`, `image` or `audio`"));
    }
    if text.as_ref().is_some_and(|text| text.trim().is_empty() || text.len() > LONGEST_TEXT) {
        return Err(Failure::field("text", format!("must not be empty or longer than {LONGEST_TEXT} bytes")));
    }
    let mut given = Record::default();
    (given.image, given.audio) = (image, audio);
    if given.files().next().is_some() {
        return Err(Failure::invalid("paths are not accepted: send `image` and `audio` as {\"base64\": \"...\"}"));
    }
    let top = top.unwrap_or(TOP);
    if top == 0 || top > MOST_RESULTS {
        return Err(Failure::field("top", format!("must be 1 to {MOST_RESULTS}")));
    }
    let filter = filter.as_deref().map(Filter::parse).transpose().map_err(Error::from)?;
    let model = api.model(model.as_deref(), &[])?;
    let question = Question { text, image: given.image, audio: given.audio, filter, top, model };
    let work = api.service.work(api.request(), move |board| {
        let _permit = permit;
        board.searcher.search(&path, question)
    });
    let Searched { heard, hits, warnings, .. } = work.await?;
    let shown = |hit: Hit| Shown { thumbnail: address(&name, &hit.item), hit };
    let hits = hits.into_iter().map(shown).collect();
    Ok(response::json(StatusCode::OK, &Answer { index: name, heard, hits, warnings }))
}

/// `GET /v1/search/INDEX/ITEM/thumbnail`: a JPEG of at most 256 x 256 pixels. The picture is that of an item, whatever the
/// client sends: no part of the request is a path.
pub async fn thumbnail(
    State(api): State<Api>,
    place: Result<Path<(String, u32)>, PathRejection>,
) -> Result<Response, Failure> {
    let Path((name, item)) = place.map_err(|error| Failure::invalid(error.body_text()))?;
    let (_, path) = find(&api, Some(&name))?;
    let picture = api.service.work(api.request(), move |_| small_picture(&path, item)).await?;
    let picture = picture.ok_or_else(|| Failure::not_found("there is no such item, or it has no picture"))?;
    let mut response = response::typed(StatusCode::OK, HeaderValue::from_static("image/jpeg"), picture);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}

/// The small picture of an item: the one in the index, or else one made from its file.
fn small_picture(path: &FilePath, number: u32) -> Result<Option<Vec<u8>>, Error> {
    let (item, stored) = {
        let index = Index::open(path)?;
        (index.item(number)?, index.thumbnail(number)?)
    };
    match (item, stored) {
        (Some(_), Some(stored)) => Ok(Some(stored)),
        (Some(Item { kind: ItemKind::Picture, path: Some(path), .. }), None) => {
            Ok(thumbnail_of(&Picture::from(PathBuf::from(path))).ok())
        }
        _ => Ok(None),
    }
}

/// Where the small picture of an item is, if it has a picture.
fn address(index: &str, item: &Item) -> Option<String> {
    let seen = matches!(item.kind, ItemKind::Picture | ItemKind::Frame);
    seen.then(|| format!("v1/search/{index}/{}/thumbnail", item.item))
}

/// Name and folder of an index: the one called `name`, or else the only one.
fn find(api: &Api, name: Option<&str>) -> Result<(String, PathBuf), Failure> {
    let board = api.service.board();
    let known = board.indexes.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    match (name, board.indexes.len()) {
        (_, 0) => {
            let problem = "the device has no index; list one in `server.http.indexes`, or add a step `index`";
            Err(Failure::not_found(problem))
        }
        (Some(name), _) => match board.indexes.get_key_value(name) {
            Some((name, path)) => Ok((name.clone(), path.clone())),
            None => Err(Failure::not_found(format!("no index is called `{name}`; there are {known}"))),
        },
        (None, 1) => {
            let one = board.indexes.iter().next().map(|(name, path)| (name.clone(), path.clone()));
            one.ok_or_else(|| Failure::not_found("the device has no index"))
        }
        (None, _) => Err(Failure::field("index", format!("name one of {known}"))),
    }
}
