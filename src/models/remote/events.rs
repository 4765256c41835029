//! The body of an answer: server-sent events, or one JSON object from servers that do not stream.

use std::io::{self, BufRead, Read};

use serde::Deserialize;

use super::one_line::{first_line, message};
use crate::models::chat::Finish;

/// Maximum size of an event, and of an answer that is not streamed.
const LARGEST_EVENT: u64 = 4 << 20;

/// Maximum size of an answer's text.
const LONGEST_TEXT: usize = 4 << 20;

/// Maximum number of bytes that are read of an answer.
const LARGEST_ANSWER: u64 = 64 << 20;

/// What an answer says apart from its text.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Ended {
    pub finish: Finish,
    pub prompt_tokens: usize,
    pub reused_tokens: usize,
    pub tokens: usize,
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Usage>,
    error: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Choice {
    delta: Option<Content>,
    message: Option<Content>,
    text: Option<String>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Content {
    content: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: usize,
    #[serde(default)]
    completion_tokens: usize,
    prompt_tokens_details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    #[serde(default)]
    cached_tokens: usize,
}

/// Reads an answer to its end; calls `on_text` with each piece of its text, until that returns false.
///
/// # Errors
/// One line: an answer that is damaged, too long, reports an error, or breaks off.
pub(super) fn read(body: impl BufRead, streamed: bool, on_text: &mut dyn FnMut(&str) -> bool) -> Result<Ended, String> {
    let mut body = body.take(LARGEST_ANSWER);
    let mut answer = Answer { ended: Ended::default(), finished: false, length: 0, on_text };
    if !streamed {
        let mut bytes = Vec::new();
        (&mut body).take(LARGEST_EVENT + 1).read_to_end(&mut bytes).map_err(|error| broken(&error))?;
        if bytes.len() as u64 > LARGEST_EVENT {
            return Err(format!("the answer is larger than {} MiB", LARGEST_EVENT >> 20));
        }
        answer.add(&bytes)?;
        return answer.end();
    }
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut body).take(LARGEST_EVENT + 1).read_until(b'\n', &mut line).map_err(|error| broken(&error))?;
        if read == 0 {
            return answer.end();
        }
        if line.len() as u64 > LARGEST_EVENT {
            return Err(format!("an event of the answer is larger than {} MiB", LARGEST_EVENT >> 20));
        }
        // Other lines are comments, and names of events.
        let Some(data) = line.strip_prefix(b"data:") else { continue };
        match data.trim_ascii() {
            b"" => {}
            b"[DONE]" => {
                answer.finished = true;
                return answer.end();
            }
            data => answer.add(data)?,
        }
    }
}

struct Answer<'a> {
    ended: Ended,
    /// Whether the server said that the text is complete.
    finished: bool,
    length: usize,
    on_text: &'a mut dyn FnMut(&str) -> bool,
}

impl Answer<'_> {
    fn add(&mut self, json: &[u8]) -> Result<(), String> {
        let chunk: Chunk = serde_json::from_slice(json)
            .map_err(|error| format!("the response is not a chat completion: {}", first_line(&error.to_string())))?;
        if let Some(error) = chunk.error {
            return Err(format!("the endpoint reports: {}", message(&error)));
        }
        if let Some(usage) = chunk.usage {
            self.ended.prompt_tokens = usage.prompt_tokens;
            self.ended.tokens = usage.completion_tokens;
            self.ended.reused_tokens = usage.prompt_tokens_details.map_or(0, |details| details.cached_tokens);
        }
        // Only one answer was asked for.
        let Some(choice) = chunk.choices.into_iter().next() else { return Ok(()) };
        let content = choice.delta.or(choice.message).and_then(|it| it.content).or(choice.text).unwrap_or_default();
        self.length += content.len();
        if self.length > LONGEST_TEXT {
            return Err(format!("the answer is longer than {} MiB", LONGEST_TEXT >> 20));
        }
        if !content.is_empty() && !(self.on_text)(&content) {
            return Err("the caller no longer waits for the answer".to_string());
        }
        if let Some(reason) = choice.finish_reason {
            self.finished = true;
            self.ended.finish = if reason == "length" { Finish::Length } else { Finish::Stop };
            if reason == "content_filter" {
                return Err("the endpoint's filter withheld the answer".to_string());
            }
        }
        Ok(())
    }

    fn end(self) -> Result<Ended, String> {
        match self.finished {
            true => Ok(self.ended),
            false => Err("the answer broke off".to_string()),
        }
    }
}

fn broken(error: &io::Error) -> String {
    format!("the answer broke off: {}", first_line(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(text: &str) -> (String, Result<Ended, String>) {
        let mut whole = String::new();
        let ended = read(text.as_bytes(), true, &mut |piece| {
            whole.push_str(piece);
            true
        });
        (whole, ended)
    }

    #[test]
    fn pieces_are_joined_and_counted() {
        let text = concat!(
            ": comment\r\n\r\n",
            "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":null}}]}\r\n\r\n",
            "data: {\"choices\":[{\"delta\":{\"content\":\"Good \"},\"finish_reason\":null}]}\n\n",
            "data:{\"choices\":[{\"delta\":{\"content\":\"day\"},\"finish_reason\":\"length\"}]}\n\n",
            "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2,",
            "\"prompt_tokens_details\":{\"cached_tokens\":3}}}\n\ndata: [DONE]\n\n",
        );
        let ended = Ended { finish: Finish::Length, prompt_tokens: 7, reused_tokens: 3, tokens: 2 };
        assert_eq!(events(text), ("Good day".to_string(), Ok(ended)));
        let (text, ended) = events("data: {\"choices\":[{\"text\":\"a\",\"finish_reason\":\"stop\"}]}\n");
        assert_eq!((text.as_str(), ended.unwrap().finish), ("a", Finish::Stop));
    }

    #[test]
    fn damaged_answers_are_errors() {
        for (text, expected) in [
            ("", "broke off"),
            ("data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n", "broke off"),
            ("data: <html>\n", "not a chat completion"),
            ("data: {\"error\":{\"message\":\"no memory\\nat all\"}}\n", "reports: no memory at all"),
            ("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"content_filter\"}]}\n", "filter"),
        ] {
            let error = events(text).1.unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let endless = io::BufReader::new(io::repeat(b'x'));
        assert!(read(endless, true, &mut |_| true).unwrap_err().contains("larger than 4 MiB"));
        let endless = io::BufReader::new(io::repeat(b'x'));
        assert!(read(endless, false, &mut |_| true).unwrap_err().contains("larger than 4 MiB"));
        let pieces = "data: {\"choices\":[{\"delta\":{\"content\":\"0123456789\"}}]}\n".repeat(500_000);
        assert!(events(&pieces).1.unwrap_err().contains("longer than 4 MiB"));
    }
}
