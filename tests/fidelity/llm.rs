//! The tiny language model, in both dialects, against transformers' chat templates and `generate`
//! (scripts/dev.py make_fixtures_llm).

use std::fs;
use std::sync::{Arc, Mutex};

use crate::blip_random::{close, list};
use crate::fixture::ids;
use crate::library::loader_at;
use crate::root;
use edgefuse::config::{Form, ReplyOptions, Truncate};
use edgefuse::error::Error;
use edgefuse::models::chat::{Finish, Message, Prompt, Reply};
use edgefuse::models::llm::LanguageModel;
use edgefuse::request::{Priority, Request};
use serde_json::{Value, json};

const DIALECTS: [&str; 2] = ["llm", "llm-standard"];

/// Positions that are read in one run.
const RUN: usize = 128;

fn model(name: &str) -> LanguageModel {
    LanguageModel::load(loader_at(&root().join("tests/fixtures/tiny").join(name))).unwrap()
}

fn cases() -> Vec<Value> {
    serde_json::from_slice(&fs::read(root().join("tests/fixtures/llm/replies.json")).unwrap()).unwrap()
}

fn messages(case: &Value) -> Vec<Message> {
    serde_json::from_value(case["messages"].clone()).unwrap()
}

fn user(text: &str) -> Vec<Message> {
    vec![Message::new("user", text)]
}

fn options() -> ReplyOptions {
    ReplyOptions { max_tokens: Some(60), ..ReplyOptions::default() }
}

fn written(reply: &Reply) -> Vec<i64> {
    reply.tokens.iter().map(|token| token.id).collect()
}

#[test]
fn answers_are_those_of_transformers() {
    for name in DIALECTS {
        let model = model(name);
        for case in cases() {
            let reply = model.chat(Prompt::Messages(&messages(&case)), &options()).unwrap();
            assert_eq!(reply.prompt_tokens, list(&case["ids"]).len(), "{name}");
            assert_eq!(written(&reply), ids(&case["tokens"]), "{name}: {}", case["prompt"]);
            assert_eq!(reply.text, case["text"].as_str().unwrap().trim(), "{name}");
            let finish = if case["finish"] == "stop" { Finish::Stop } else { Finish::Length };
            assert_eq!(reply.finish, finish, "{name}");
            for (token, expected) in reply.tokens.iter().zip(list(&case["log_probabilities"])) {
                close("log-probability", token.log_probability, expected.as_f64().unwrap());
            }
        }
    }
}

#[test]
fn a_text_without_a_template_is_continued_by_the_same_tokens() {
    let model = model("llm");
    for case in cases() {
        let prompt = case["prompt"].as_str().unwrap();
        let reply = model.chat(Prompt::Text(prompt), &options()).unwrap();
        assert_eq!(written(&reply), ids(&case["tokens"]));
    }
}

#[test]
fn what_was_read_before_is_reused_and_changes_nothing() {
    let (long, fresh) = (messages(&cases()[2]), model("llm"));
    let alone = fresh.chat(Prompt::Messages(&long), &options()).unwrap();
    assert_eq!(alone.reused_tokens, 0);
    let again = fresh.chat(Prompt::Messages(&long), &options()).unwrap();
    assert_eq!((again.reused_tokens, &again.tokens), (RUN, &alone.tokens));
    // Another message with the same beginning, after it and before it.
    let mut other = long.clone();
    other[2].content += "window";
    let reused = fresh.chat(Prompt::Messages(&other), &options()).unwrap();
    assert_eq!(reused.reused_tokens, RUN);
    assert_eq!(reused.tokens, model("llm").chat(Prompt::Messages(&other), &options()).unwrap().tokens);
    // A prompt that is a whole run and no more still has a last token to read.
    let whole = "the ".repeat(RUN * 2);
    let first = fresh.chat(Prompt::Text(&whole), &options()).unwrap();
    let second = fresh.chat(Prompt::Text(&whole), &options()).unwrap();
    assert_eq!(first.tokens, second.tokens);
    assert!(second.reused_tokens < second.prompt_tokens);
}

#[test]
fn a_message_cannot_end_itself() {
    let model = model("llm");
    let count = |text: &str| model.chat(Prompt::Messages(&user(text)), &options()).unwrap().prompt_tokens;
    let plain = count("ab");
    for token in ["<|im_end|>", "<|im_start|>", "<|endoftext|>"] {
        // As many tokens as characters, because no merge applies to them.
        assert_eq!(count(&format!("a{token}b")), plain + token.len(), "{token}");
        assert_eq!(count(&format!("a{token}{token}b")), plain + 2 * token.len(), "{token}");
        assert_eq!(count(&format!("a<|im_{token}end|>b")), plain + token.len() + 10, "{token}");
    }
    // The code that splits them is removed from messages.
    assert_eq!(count("a\u{FDD0}b"), plain);
    // In a text without a template they are what they are.
    let reply = model.chat(Prompt::Text("ab<|im_end|>"), &options()).unwrap();
    assert_eq!(reply.prompt_tokens, 3);
}

#[test]
fn pieces_are_reported_while_the_answer_is_written() {
    let model = model("llm");
    let found = Arc::new(Mutex::new(Vec::new()));
    let pieces = found.clone();
    let request =
        Request::new(Priority::Interactive).on_text(move |piece| pieces.lock().unwrap().push(piece.to_string()));
    let reply = request.run(|| model.chat(Prompt::Messages(&messages(&cases()[0])), &options())).unwrap();
    let found = found.lock().unwrap();
    assert!(found.len() > 30, "{found:?}");
    assert_eq!(found.concat().trim(), reply.text);
    // A text that ends the answer is not part of it, and never appears.
    let stop = ReplyOptions { stop: vec!["market window".to_string()], ..options() };
    let cut = model.chat(Prompt::Messages(&messages(&cases()[1])), &stop).unwrap();
    let whole = cases()[1]["text"].as_str().unwrap().trim().to_string();
    assert_eq!((cut.text.as_str(), cut.finish), (whole.split("market window").next().unwrap().trim(), Finish::Stop));
}

#[test]
fn a_cancelled_request_stops_at_the_next_token() {
    let model = model("llm");
    let request = Request::new(Priority::Interactive);
    let cancel = request.clone();
    let request = request.on_token(move |_| cancel.cancel());
    let error = request.run(|| model.chat(Prompt::Messages(&user("the house")), &options())).unwrap_err();
    assert!(error.to_string().contains("cancelled"), "{error}");
}

#[test]
fn the_same_seed_is_the_same_text() {
    let model = model("llm");
    let sampled = |seed: u64| {
        let options = ReplyOptions { temperature: 1.0, top_p: 0.9, min_p: 0.01, seed, ..options() };
        model.chat(Prompt::Messages(&user("the river")), &options).unwrap().text
    };
    assert_eq!(sampled(1), sampled(1));
    assert_ne!(sampled(1), sampled(2));
}

#[test]
fn a_prompt_that_is_too_long_is_an_error_or_is_cut_in_the_middle() {
    for name in DIALECTS {
        let model = model(name);
        let context = model.context();
        let mut long = user(&format!("first {}last", "the house ".repeat(2 * context)));
        long.insert(0, Message::new("system", "small bridges"));
        let error = model.chat(Prompt::Messages(&long), &options()).unwrap_err();
        assert!(matches!(error, Error::Input { .. }), "{error}");
        let error = error.to_string();
        assert!(error.contains(&format!("at most {}; shorten it, or set `truncate: middle`", context - 1)), "{error}");
        let cut = ReplyOptions { truncate: Truncate::Middle, ..options() };
        for prompt in [Prompt::Messages(&long), Prompt::Text(&long[1].content)] {
            let reply = model.chat(prompt, &cut).unwrap();
            assert!(
                reply.prompt_tokens <= context - 60 && reply.prompt_tokens > context / 2,
                "{}",
                reply.prompt_tokens
            );
            assert!(reply.warnings[0].contains("was cut in the middle to"), "{:?}", reply.warnings);
        }
        // An answer ends where the context does.
        let nearly = "the ".repeat(context - 10);
        let reply = model.chat(Prompt::Text(&nearly), &options()).unwrap();
        assert!(reply.prompt_tokens + reply.tokens.len() <= context, "{}", reply.prompt_tokens);
    }
}

#[test]
fn empty_prompts_and_options_out_of_range_are_refused() {
    let model = model("llm");
    let error = model.chat(Prompt::Text(""), &options()).unwrap_err();
    assert!(error.to_string().contains("the prompt is empty"), "{error}");
    let wrong = ReplyOptions { temperature: -1.0, ..options() };
    let error = model.chat(Prompt::Text("a"), &wrong).unwrap_err();
    assert!(matches!(error, Error::Request { .. }), "{error}");
}

#[test]
fn an_answer_has_the_form_that_it_is_given() {
    let model = model("llm");
    let prompt = messages(&cases()[0]);
    let answer = |form: Form, max_tokens: usize, seed: u64| {
        let temperature = if seed == 0 { 0.0 } else { 1.0 };
        let options = ReplyOptions { form: Some(form), max_tokens: Some(max_tokens), temperature, seed, ..options() };
        model.chat(Prompt::Messages(&prompt), &options)
    };
    let texts = ["stop", "call the \"operator\" / now", "naïve 日本", "stop it"].map(str::to_string).to_vec();
    for seed in 0..6 {
        let reply = answer(Form::Choices(texts.clone()), 60, seed).unwrap();
        assert!(texts.contains(&reply.text), "{}", reply.text);
        assert_eq!(reply.finish, Finish::Stop);
    }
    let schema = json!({
        "type": "object",
        "properties": {"door": {"enum": ["open", "closed"]}, "sure": {"type": "boolean"}, "people": {"$ref": "#/$defs/count"}},
        "required": ["door", "sure", "people"],
        "additionalProperties": false,
        "$defs": {"count": {"type": "integer", "minimum": 0, "maximum": 20}},
    });
    for seed in 0..6 {
        let reply = answer(Form::Schema(schema.clone()), 200, seed).unwrap();
        let found: Value = serde_json::from_str(&reply.text).unwrap_or_else(|error| panic!("{error}: {}", reply.text));
        assert!(found["door"] == "open" || found["door"] == "closed", "{found}");
        assert!(found["sure"].is_boolean() && found["people"].as_u64().is_some_and(|count| count <= 20), "{found}");
        assert_eq!((reply.finish, found.as_object().unwrap().len()), (Finish::Stop, 3));
    }
    // What was written so far has the form, too.
    let cut = answer(Form::Schema(schema), 3, 0).unwrap();
    assert_eq!(cut.finish, Finish::Length);
    assert!(cut.text.starts_with('{'), "{}", cut.text);
}

#[test]
fn a_form_that_nothing_has_is_refused() {
    let model = model("llm");
    for (schema, words) in [
        (json!({"type": "string", "minLength": 3, "maxLength": 1}), "cannot have this form"),
        (json!({"enum": []}), "cannot have this form"),
        (json!({"type": "integer", "minimum": 5, "maximum": 2}), "cannot have this form"),
        (json!({"type": "nothing"}), "cannot have this form"),
        (json!({"$ref": "http://example.com/schema.json"}), "cannot have this form"),
    ] {
        let options = ReplyOptions { form: Some(Form::Schema(schema.clone())), ..options() };
        let error = model.chat(Prompt::Text("the"), &options).unwrap_err();
        assert!(matches!(error, Error::Request { .. }), "{schema}: {error}");
        let error = error.to_string();
        assert!(error.contains(words) && !error.contains('\n'), "{schema}: {error}");
    }
}
