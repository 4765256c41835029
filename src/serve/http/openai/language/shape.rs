//! The JSON of answers, in the forms of OpenAI's chats and completions.

use edgefuse::models::chat::{Finish, Reply};
use serde_json::{Value, json};

use crate::serve::http::Api;
use crate::serve::http::json::shortest;

/// Which of OpenAI's two forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Chat,
    Completion,
}

/// A token as text and bytes.
pub type Spelled = (String, Vec<u8>);

/// An answer, and what is written beside it.
pub struct Shape {
    kind: Kind,
    id: String,
    created: u64,
    model: String,
    logprobs: bool,
}

impl Shape {
    /// A new answer by `model`, as the client wrote it. `logprobs`: whether the tokens' log-probabilities are listed.
    pub fn new(api: &Api, kind: Kind, model: String, logprobs: bool) -> Self {
        let before = if kind == Kind::Chat { "chatcmpl" } else { "cmpl" };
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Shape {
            kind,
            id: format!("{before}-{:016x}", fastrand::u64(..)),
            created: now.map_or(api.service.started, |now| now.as_secs()),
            model,
            logprobs,
        }
    }

    /// The whole answer.
    pub fn whole(&self, reply: &Reply, spelled: &[Vec<Spelled>]) -> Value {
        let (object, mut choice) = match self.kind {
            Kind::Chat => {
                let message = json!({"role": "assistant", "content": reply.text, "refusal": null});
                ("chat.completion", json!({"index": 0, "message": message}))
            }
            Kind::Completion => ("text_completion", json!({"index": 0, "text": reply.text})),
        };
        choice["logprobs"] = self.logprobs(reply, spelled);
        choice["finish_reason"] = finish(reply);
        let mut value = self.object(object, vec![choice]);
        value["usage"] = usage(reply);
        if !reply.warnings.is_empty() {
            value["warnings"] = json!(reply.warnings);
        }
        value
    }

    /// The first piece of a stream.
    pub fn first(&self) -> Option<Value> {
        (self.kind == Kind::Chat)
            .then(|| self.chunk(json!({"delta": {"role": "assistant", "content": ""}}), Value::Null))
    }

    /// A piece of text in a stream.
    pub fn piece(&self, text: &str) -> Value {
        match self.kind {
            Kind::Chat => self.chunk(json!({"delta": {"content": text}}), Value::Null),
            Kind::Completion => self.chunk(json!({"text": text}), Value::Null),
        }
    }

    /// The last piece of a stream, with the log-probabilities of all tokens.
    pub fn last(&self, reply: &Reply, spelled: &[Vec<Spelled>]) -> Value {
        let empty = match self.kind {
            Kind::Chat => json!({"delta": {}}),
            Kind::Completion => json!({"text": ""}),
        };
        let mut chunk = self.chunk(empty, finish(reply));
        chunk["choices"][0]["logprobs"] = self.logprobs(reply, spelled);
        if !reply.warnings.is_empty() {
            chunk["warnings"] = json!(reply.warnings);
        }
        chunk
    }

    /// The number of tokens, after the last piece.
    pub fn usage(&self, reply: &Reply) -> Value {
        let mut value = self.object(self.chunk_object(), Vec::new());
        value["usage"] = usage(reply);
        value
    }

    fn chunk_object(&self) -> &'static str {
        match self.kind {
            Kind::Chat => "chat.completion.chunk",
            Kind::Completion => "text_completion",
        }
    }

    fn chunk(&self, mut choice: Value, finish: Value) -> Value {
        choice["index"] = 0.into();
        choice["logprobs"] = Value::Null;
        choice["finish_reason"] = finish;
        self.object(self.chunk_object(), vec![choice])
    }

    fn object(&self, object: &str, choices: Vec<Value>) -> Value {
        json!({"id": self.id, "object": object, "created": self.created, "model": self.model, "choices": choices})
    }

    fn logprobs(&self, reply: &Reply, spelled: &[Vec<Spelled>]) -> Value {
        if !self.logprobs {
            return Value::Null;
        }
        let tokens = reply.tokens.iter().zip(spelled);
        if self.kind == Kind::Completion {
            let texts: Vec<&str> = spelled.iter().filter_map(|it| it.first()).map(|(text, _)| text.as_str()).collect();
            let values: Vec<f32> = reply.tokens.iter().map(|token| token.log_probability).collect();
            let top: Vec<Value> = tokens
                .map(|(token, spelled)| {
                    let names = spelled[1..].iter().zip(&token.alternatives);
                    Value::Object(names.map(|((text, _), (_, value))| (text.clone(), shortest(value))).collect())
                })
                .collect();
            return json!({"tokens": texts, "token_logprobs": shortest(&values), "top_logprobs": top});
        }
        let entry =
            |(text, bytes): &Spelled, value: f32| json!({"token": text, "logprob": shortest(&value), "bytes": bytes});
        let content: Vec<Value> = tokens
            .map(|(token, spelled)| {
                let mut value = entry(&spelled[0], token.log_probability);
                let others = spelled[1..].iter().zip(&token.alternatives);
                value["top_logprobs"] = others.map(|(spelled, (_, value))| entry(spelled, *value)).collect();
                value
            })
            .collect();
        json!({"content": content, "refusal": null})
    }
}

fn finish(reply: &Reply) -> Value {
    match reply.finish {
        Finish::Stop => "stop".into(),
        Finish::Length => "length".into(),
    }
}

fn usage(reply: &Reply) -> Value {
    let (prompt, written) = (reply.prompt_tokens, reply.written);
    json!({
        "prompt_tokens": prompt,
        "completion_tokens": written,
        "total_tokens": prompt + written,
        "prompt_tokens_details": {"cached_tokens": reply.reused_tokens},
    })
}
