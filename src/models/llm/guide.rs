//! Answers of a given form: a JSON schema, or one of several texts. Tokens that would leave the form are never chosen.

use std::fmt::Display;
use std::sync::Arc;

use llguidance::api::TopLevelGrammar;
use llguidance::toktrie::{ApproximateTokEnv, TokEnv, TokRxInfo, TokTrie};
use llguidance::{Matcher, ParserFactory};
use serde_json::{Value, json};

use crate::config::Form;
use crate::models::vocabulary::{TokenText, Vocabulary};

/// Key of a schema with llguidance's own options.
const OPTIONS: &str = "x-guidance";

/// The tokens of a model, arranged for guides.
pub(super) struct Guides(ParserFactory);

/// The form of one answer, and how far it has come.
pub(super) struct Guide(Matcher);

impl Guides {
    /// Arranges the tokens of `vocabulary`, of which the logits have `rows`; `end` ends an answer.
    ///
    /// # Errors
    /// One line.
    pub fn new(vocabulary: &Vocabulary, rows: usize, end: i64) -> Result<Self, String> {
        let bytes = (0..rows).map(|id| match vocabulary.token_text(id as i64) {
            TokenText::Bytes(bytes) => bytes,
            TokenText::Special(name) => [&[TokTrie::SPECIAL_TOKEN_MARKER], name.as_bytes()].concat(),
            TokenText::None => Vec::new(),
        });
        let words: Vec<Vec<u8>> = bytes.collect();
        let info = TokRxInfo::new(rows as u32, end as u32);
        let tokens: TokEnv = Arc::new(ApproximateTokEnv::new(TokTrie::from(&info, &words)));
        let mut factory = ParserFactory::new_simple(&tokens).map_err(|error| one_line(&error))?;
        factory.quiet();
        Ok(Guides(factory))
    }

    /// A guide for one answer.
    ///
    /// # Errors
    /// A form that cannot be had, in one line.
    pub fn guide(&self, form: &Form) -> Result<Guide, String> {
        let grammar = match form {
            Form::Schema(schema) => TopLevelGrammar::from_json_schema(with_options(schema)),
            Form::Choices(texts) => TopLevelGrammar::from_lark(alternatives(texts)),
        };
        let parser = self.0.create_parser(grammar).map_err(|error| one_line(&error))?;
        let mut matcher = Matcher::new(Ok(parser));
        match matcher.get_error() {
            Some(error) => Err(one_line(&error)),
            None => {
                matcher.compute_mask_or_eos().map_err(|_| "no text matches it".to_string())?;
                Ok(Guide(matcher))
            }
        }
    }
}

impl Guide {
    /// Forbids the tokens that would leave the form.
    ///
    /// # Errors
    /// One line, if the form allows no token.
    pub fn mask(&mut self, logits: &mut [f32]) -> Result<(), String> {
        let allowed = self.0.compute_mask_or_eos().map_err(|error| one_line(&error))?;
        let known = allowed.len();
        let mut any = false;
        for (id, logit) in logits.iter_mut().enumerate() {
            match id < known && allowed.is_allowed(id as u32) {
                true => any |= *logit > f32::NEG_INFINITY,
                false => *logit = f32::NEG_INFINITY,
            }
        }
        if any { Ok(()) } else { Err("no token continues an answer of this form".to_string()) }
    }

    /// Adds a token to the answer; returns whether it is complete, and cannot be longer.
    ///
    /// # Errors
    /// One line, if the form does not allow the token.
    pub fn accept(&mut self, id: i64) -> Result<bool, String> {
        self.0.consume_token(id as u32).map_err(|error| one_line(&error))?;
        Ok(self.0.is_stopped())
    }
}

/// The schema with the spaces that models write, unless it has options of its own: without, white space could go on for ever.
fn with_options(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Value::Object(keys) = &mut schema {
        let options = json!({"whitespace_flexible": false, "item_separator": ", ", "key_separator": ": "});
        keys.entry(OPTIONS).or_insert(options);
    }
    schema
}

/// A grammar of any of `texts`, in the form of Lark, whose strings are those of JSON.
fn alternatives(texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| Value::from(text.as_str()).to_string()).collect();
    format!("start: {}", quoted.join(" | "))
}

/// The crate appends its parser's state.
fn one_line(error: &impl Display) -> String {
    let text = format!("{error:#}");
    let text = text.split("<state>").next().unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
