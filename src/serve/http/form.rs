//! Multipart forms.

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request};
use axum::http::{HeaderMap, StatusCode, header};

use super::failure::Failure;
use super::json;

/// Maximum number of parts: more than any API here has.
const MOST_PARTS: usize = 64;

/// Maximum size of a text part in bytes.
const LONGEST_TEXT: usize = 64 << 10;

/// A form, with its files in memory.
#[derive(Default)]
pub struct Form {
    texts: Vec<(String, String)>,
    files: Vec<(String, Bytes)>,
}

impl Form {
    /// Reads a body; `files` are the names of parts that are files.
    pub async fn read(headers: &HeaderMap, body: Bytes, files: &[&str]) -> Result<Self, Failure> {
        if !json::is(headers, "multipart/form-data") {
            return Err(Failure::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "the body must be a form, with `Content-Type: multipart/form-data; boundary=...`",
            ));
        }
        let wrong = |problem: String| Failure::invalid(format!("the form cannot be read: {problem}"));
        let mut request = Request::new(Body::from(body));
        if let Some(kind) = headers.get(header::CONTENT_TYPE) {
            request.headers_mut().insert(header::CONTENT_TYPE, kind.clone());
        }
        // The body was limited where it was read.
        DefaultBodyLimit::disable().apply(&mut request);
        let multipart = Multipart::from_request(request, &()).await;
        let mut multipart = multipart.map_err(|error| wrong(error.body_text()))?;
        let mut form = Form::default();
        while let Some(part) = multipart.next_field().await.map_err(|error| wrong(error.body_text()))? {
            if form.texts.len() + form.files.len() == MOST_PARTS {
                return Err(wrong(format!("it has more than {MOST_PARTS} parts")));
            }
            let Some(name) = part.name().map(str::to_string) else {
                return Err(wrong("a part has no name".to_string()));
            };
            let bytes = part.bytes().await.map_err(|error| wrong(error.body_text()))?;
            if files.contains(&name.as_str()) {
                if form.files.iter().any(|(known, _)| *known == name) {
                    return Err(Failure::field(&name, "occurs twice"));
                }
                form.files.push((name, bytes));
                continue;
            }
            if bytes.len() > LONGEST_TEXT {
                return Err(Failure::field(&name, format!("is longer than {LONGEST_TEXT} bytes")));
            }
            let text = String::from_utf8(bytes.into()).map_err(|_| Failure::field(&name, "is not UTF-8"))?;
            form.texts.push((name, text));
        }
        Ok(form)
    }

    /// Takes a file.
    pub fn file(&mut self, name: &str) -> Option<Bytes> {
        let at = self.files.iter().position(|(known, _)| known == name)?;
        Some(self.files.swap_remove(at).1)
    }

    /// The texts of all other parts, in order.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }
}
