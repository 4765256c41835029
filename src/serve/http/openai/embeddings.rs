//! `POST /v1/embeddings`: embeddings of texts and, beyond OpenAI's API, of pictures and sounds.

use axum::extract::{Request as HttpRequest, State};
use axum::http::StatusCode;
use axum::response::Response;
use edgefuse::RecordResult;
use edgefuse::config::{EmbedOptions, TextRole};
use serde::{Deserialize, Serialize};

use super::ANY_MODEL;
use super::embedding_inputs::{Inputs, name};
use crate::serve::http::body::Held;
use crate::serve::http::failure::Failure;
use crate::serve::http::{Api, json, response};

/// A request. Other fields, such as `user`, are ignored, as in OpenAI's API.
#[derive(Deserialize)]
struct Asked {
    input: Inputs,
    model: Option<String>,
    #[serde(default, deserialize_with = "json::or_default")]
    encoding_format: Encoding,
    dimensions: Option<usize>,
    /// Not in OpenAI's API: what the texts are for, named as by other services with encoders of this kind.
    input_type: Option<TextRole>,
}

/// How numbers are written.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Encoding {
    /// A list.
    #[default]
    Float,
    /// Base64 of little-endian 32-bit floats, which OpenAI's Python client asks for.
    Base64,
}

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Entry<'a>>,
    model: &'a str,
    usage: Usage,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<&'a str>,
}

#[derive(Serialize)]
struct Entry<'a> {
    object: &'static str,
    index: usize,
    embedding: Written<'a>,
}

/// Numbers as they are written.
#[derive(Serialize)]
#[serde(untagged)]
enum Written<'a> {
    List(&'a [f32]),
    Base64(String),
}

/// Tokens of texts; pictures and sounds have none.
#[derive(Serialize)]
struct Usage {
    prompt_tokens: usize,
    total_tokens: usize,
}

pub async fn embeddings(State(api): State<Api>, request: HttpRequest) -> Result<Response, Failure> {
    let (headers, Held { bytes, permit }) = api.receive(request).await?;
    let Asked { input, model: asked, encoding_format, dimensions, input_type } = json::read(&headers, &bytes)?;
    drop(bytes);
    let model = api.model(asked.as_deref(), &[ANY_MODEL])?;
    let records = input.into_records()?;
    let configured: EmbedOptions = api.service.board().device().options();
    let options = EmbedOptions { model: model.or(configured.model), text: input_type.unwrap_or(configured.text) };
    let results = api.process(api.request(), permit, vec![options.into()], records).await?;
    let mut list = List {
        object: "list",
        data: Vec::with_capacity(results.len()),
        model: asked.as_deref().unwrap_or(ANY_MODEL),
        usage: Usage { prompt_tokens: 0, total_tokens: 0 },
        warnings: Vec::new(),
    };
    for (index, result) in results.iter().enumerate() {
        let (numbers, tokens) = embedding(index, result)?;
        if dimensions.is_some_and(|wanted| wanted != numbers.len()) {
            let problem = format!("must be {}, the length of this model's embeddings, or absent", numbers.len());
            return Err(Failure::field("dimensions", problem));
        }
        list.data.push(Entry { object: "embedding", index, embedding: encoding_format.written(numbers) });
        list.usage.prompt_tokens += tokens;
        list.usage.total_tokens += tokens;
        list.warnings.extend(result.warnings.iter().map(String::as_str));
    }
    Ok(response::json(StatusCode::OK, &list))
}

/// The embedding of an input, and the number of its tokens.
fn embedding(index: usize, result: &RecordResult) -> Result<(&[f32], usize), Failure> {
    let failed =
        |problem: &str| Failure::new(StatusCode::BAD_REQUEST, "invalid_input", format!("{}: {problem}", name(index)));
    if let Some(problem) = result.errors().first() {
        return Err(failed(problem));
    }
    let found = result.embeddings().ok_or_else(|| failed("there is nothing to embed"))?.value;
    let numbers = [&found.text, &found.image, &found.audio].into_iter().flatten().next();
    let numbers = numbers.ok_or_else(|| failed("there is nothing to embed"))?;
    Ok((numbers, found.text_tokens.unwrap_or(0)))
}

impl Encoding {
    fn written(self, numbers: &[f32]) -> Written<'_> {
        match self {
            Encoding::Float => Written::List(numbers),
            Encoding::Base64 => {
                Written::Base64(base64::encode(numbers.iter().flat_map(|it| it.to_le_bytes()).collect::<Vec<u8>>()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_their_own_digits_or_as_little_endian_floats() {
        let numbers = [0.1, -1.0];
        let written = |encoding: Encoding| serde_json::to_string(&encoding.written(&numbers)).unwrap();
        assert_eq!(written(Encoding::Float), "[0.1,-1.0]");
        // 0x3dcccccd and 0xbf800000.
        assert_eq!(written(Encoding::Base64), "\"zczMPQAAgL8=\"");
    }
}
