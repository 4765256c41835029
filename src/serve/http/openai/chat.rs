//! `POST /v1/chat/completions`: captions, answers and transcripts for clients that talk to chat models.
//!
//! A language model answers the conversation, if the client names one, or sends no picture and no sound. Other models do
//! not converse: the user's last message is the request. A picture without a question is captioned, a question about it
//! (a text with a question mark, or a sound) answered; a sound alone is transcribed.

use super::language::{self, Asked, Given, Kind, Sampling, Shape};
use super::response_format::{Form, ResponseFormat};
use super::{ANY_MODEL, data_url};
use crate::serve::http::body::Held;
use crate::serve::http::events::{self, DONE, json_event};
use crate::serve::http::failure::Failure;
use crate::serve::http::work::whole;
use crate::serve::http::{Api, json, response};
use axum::extract::{Request as HttpRequest, State};
use axum::http::StatusCode;
use axum::response::Response;
use edgefuse::config::model_folder::capability;
use edgefuse::config::{
    self, AskOptions, CaptionOptions, ChatOptions, Question, SearchOptions, Step, TranscribeOptions,
};
use edgefuse::inline::from_base64;
use edgefuse::models::chat::Reply;
use edgefuse::models::choose_model;
use edgefuse::pipeline::{Picture, Sound};
use edgefuse::{Record, RecordResult};
use serde::Deserialize;

/// Maximum number of pictures in one request.
const MOST_PICTURES: usize = 32;

/// A request. Fields that these models do not support are ignored, as in OpenAI's API.
#[derive(Deserialize)]
struct Chat {
    messages: Vec<Message>,
    model: Option<String>,
    n: Option<usize>,
    logprobs: Option<bool>,
    top_logprobs: Option<usize>,
    response_format: Option<ResponseFormat>,
    #[serde(flatten)]
    sampling: Sampling,
}

#[derive(Deserialize)]
struct Message {
    role: String,
    content: Option<Content>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "`content` must be a text or a list of parts with a known `type`")]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Part {
    Text { text: String },
    ImageUrl { image_url: ImageUrl },
    InputAudio { input_audio: InputAudio },
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "`image_url` must be {\"url\": \"data:image/...;base64,...\"}")]
enum ImageUrl {
    Object { url: String },
    Text(String),
}

#[derive(Deserialize)]
struct InputAudio {
    data: String,
}

/// The content of the user's last message.
#[derive(Default)]
struct Said {
    texts: Vec<String>,
    pictures: Vec<Picture>,
    sound: Option<Sound>,
}

pub async fn chat(State(api): State<Api>, request: HttpRequest) -> Result<Response, Failure> {
    let (headers, Held { bytes, permit }) = api.receive(request).await?;
    let chat: Chat = json::read(&headers, &bytes)?;
    drop(bytes);
    if chat.n.is_some_and(|n| n != 1) {
        return Err(Failure::field("n", "only one answer is supported"));
    }
    let model = api.model(chat.model.as_deref(), &[ANY_MODEL])?;
    if converses(&api, model.as_deref(), &chat.messages) {
        return converse(api, chat, model).await;
    }
    let form = chat.response_format.map_or(Ok(Form::Text), ResponseFormat::form)?;
    let shown = chat.model.unwrap_or_else(|| ANY_MODEL.to_string());
    let last = chat.messages.into_iter().rfind(|message| message.role == "user").and_then(|message| message.content);
    let said = last.ok_or_else(|| Failure::field("messages", "there is no message with the role `user`"))?.read()?;
    let most = chat.sampling.max_completion_tokens.or(chat.sampling.max_tokens);
    let (steps, records) = plan(&api, said, model, most, chat.sampling.temperature)?;
    let results = api.process(api.request(), permit, steps, records).await?;
    let texts: Vec<(&str, &str, usize)> = results.iter().map(text).collect::<Result<_, _>>()?;
    let kind = texts.first().map_or("text", |(kind, ..)| kind);
    let lines: Vec<&str> = texts.iter().map(|(_, text, _)| *text).collect();
    let reply = Reply {
        text: form.write(kind, &lines.join("\n")),
        written: texts.iter().map(|(.., tokens)| tokens).sum(),
        warnings: results.iter().flat_map(|result| &result.warnings).cloned().collect(),
        ..Reply::default()
    };
    let shape = Shape::new(&api, Kind::Chat, shown, false);
    Ok(answer(&shape, &reply, chat.sampling.stream, chat.sampling.streams_usage()))
}

/// Whether a language model answers: the one that is named, or that of the device, for text alone.
fn converses(api: &Api, model: Option<&str>, messages: &[Message]) -> bool {
    let board = api.service.board();
    let device = board.device();
    let chats = |name: Option<&str>| choose_model(device, capability::CHAT, name, "chat").is_ok();
    match model {
        Some(name) => chats(Some(name)),
        None => {
            let last =
                messages.iter().rfind(|message| message.role == "user").and_then(|message| message.content.as_ref());
            last.is_some_and(Content::is_text) && chats(device.options::<ChatOptions>().model.as_deref())
        }
    }
}

/// The answer of a language model.
async fn converse(api: Api, chat: Chat, model: Option<String>) -> Result<Response, Failure> {
    let device: ChatOptions = api.service.board().device().options();
    let form = chat.response_format.map(ResponseFormat::schema).transpose()?.flatten();
    let alternatives = chat.top_logprobs.filter(|_| chat.logprobs == Some(true));
    let (stream, stream_usage) = (chat.sampling.stream, chat.sampling.streams_usage());
    let options = chat.sampling.options(&device, alternatives, form.map(config::Form::Schema))?;
    let mut all = Vec::with_capacity(chat.messages.len());
    for message in chat.messages {
        let said = message.content.map_or_else(|| Ok(Said::default()), Content::read)?;
        let text = said.texts.join("\n");
        let role = if message.role == "developer" { "system".to_string() } else { message.role };
        all.push(edgefuse::pipeline::Said { role, text, pictures: said.pictures, sound: said.sound });
    }
    if all.is_empty() {
        return Err(Failure::field("messages", "there is no message"));
    }
    let asked = Asked {
        kind: Kind::Chat,
        shown: chat.model.unwrap_or_else(|| ANY_MODEL.to_string()),
        model: model.or(device.model),
        prompt: Given::Messages(all),
        options,
        logprobs: chat.logprobs == Some(true),
        stream,
        stream_usage,
    };
    language::answer(api, asked).await
}

impl Content {
    /// Whether it has neither pictures nor sound.
    fn is_text(&self) -> bool {
        match self {
            Content::Text(_) => true,
            Content::Parts(parts) => parts.iter().all(|part| matches!(part, Part::Text { .. })),
        }
    }

    fn read(self) -> Result<Said, Failure> {
        let mut said = Said::default();
        let parts = match self {
            Content::Text(text) => vec![Part::Text { text }],
            Content::Parts(parts) => parts,
        };
        for part in parts {
            match part {
                Part::Text { text } => said.texts.push(text),
                Part::ImageUrl { image_url: ImageUrl::Object { url } | ImageUrl::Text(url) } => {
                    said.pictures.push(Picture::from_bytes(data_url::read("image_url", "image/jpeg", &url)?));
                }
                Part::InputAudio { input_audio } => {
                    let bytes = from_base64(&input_audio.data);
                    let bytes = bytes.map_err(|error| Failure::field("input_audio", format!("data: {error}")))?;
                    if said.sound.replace(Sound::from_bytes(bytes)).is_some() {
                        return Err(Failure::field("input_audio", "only one recording per message is supported"));
                    }
                }
            }
        }
        match said.pictures.len() {
            0..=MOST_PICTURES => Ok(said),
            _ => Err(Failure::field("image_url", format!("there are more than {MOST_PICTURES} pictures"))),
        }
    }
}

/// The steps and records that answer a message.
fn plan(
    api: &Api,
    said: Said,
    model: Option<String>,
    most: Option<usize>,
    temperature: Option<f32>,
) -> Result<(Vec<Step>, Vec<Record>), Failure> {
    let board = api.service.board();
    let device = board.device();
    let search = |mut search: SearchOptions| {
        search.max_tokens = most.or(search.max_tokens);
        search.temperature = temperature.unwrap_or(search.temperature);
        if search.temperature > 0.0 {
            search.beams = 1;
        }
        search
    };
    let text = said.texts.join("\n").trim().to_string();
    let mut transcribe = device.options::<TranscribeOptions>();
    transcribe.language.get_or_insert_with(|| "auto".to_string());
    let question = text.contains(['?', '？', '؟']);
    let steps: Vec<Step> = match (said.pictures.is_empty(), &said.sound) {
        (true, None) => {
            let problem = "there is no picture and no sound, and no model of this device answers text alone";
            return Err(Failure::field("messages", problem));
        }
        (true, Some(_)) => {
            transcribe.model = model.or(transcribe.model);
            vec![transcribe.into()]
        }
        (false, sound) if question || sound.is_some() => {
            let options = device.options::<AskOptions>();
            let model = model.or(options.model.clone());
            let options = AskOptions { model, question: Question::Any, search: search(options.search), ..options };
            options.check().map_err(Failure::invalid)?;
            // A written question takes precedence over a spoken one.
            let spoken = (!question).then(|| Step::from(transcribe));
            spoken.into_iter().chain([Step::from(options)]).collect()
        }
        (false, _) => {
            let options = device.options::<CaptionOptions>();
            let model = model.or(options.model.clone());
            let options = CaptionOptions { model, search: search(options.search), captions: 1, ..options };
            options.check().map_err(Failure::invalid)?;
            vec![options.into()]
        }
    };
    let mut record = Record::default();
    record.text = Some(text).filter(|_| question);
    record.audio = said.sound.filter(|_| !question || said.pictures.is_empty());
    let records = match said.pictures.is_empty() {
        true => vec![record],
        false => said.pictures.into_iter().map(|picture| record.clone().with_image(picture)).collect(),
    };
    Ok((steps, records))
}

/// The text of a result, after its kind and before the number of its tokens.
fn text(result: &RecordResult) -> Result<(&str, &str, usize), Failure> {
    whole(result)?;
    let answer = result.answer().map(|it| ("answer", it.value.text.as_str(), it.value.tokens));
    let caption = result.caption().map(|it| ("caption", it.value.best.text.as_str(), it.value.best.tokens));
    let transcript = result.transcript().map(|it| {
        let tokens = it.value.segments.iter().map(|segment| segment.tokens.len()).sum();
        ("transcript", it.value.text.as_str(), tokens)
    });
    answer.or(caption).or(transcript).ok_or_else(|| Failure::invalid("there is nothing to answer"))
}

fn answer(shape: &Shape, reply: &Reply, stream: bool, stream_usage: bool) -> Response {
    if !stream {
        return response::json(StatusCode::OK, &shape.whole(reply, &[]));
    }
    let text = [shape.piece(&reply.text), shape.last(reply, &[])];
    let usage = stream_usage.then(|| shape.usage(reply));
    let chunks = shape.first().into_iter().chain(text).chain(usage);
    events::all(chunks.map(|chunk| json_event(&chunk)).chain([events::event(DONE)]))
}
