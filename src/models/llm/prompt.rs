//! Prompts as tokens.
//!
//! The template's own text may name special tokens, such as `<|im_end|>`, which end a message. The messages are data,
//! from speech, sensors and clients: such a name in them is encoded as the characters it consists of.

use super::inserts::Inserts;
use super::template::ChatTemplate;
use crate::config::Truncate;
use crate::error::Error;
use crate::models::chat::Message;
use crate::models::vocabulary::Vocabulary;

/// Splits the name of a special token in a message. Unicode reserves this code for a program's own use; a message does not
/// contain it.
const SPLIT: char = '\u{FDD0}';

/// Stands for what was left out of a message.
const LEFT_OUT: &str = " ... ";

/// A message shorter than this is not shortened.
const FEWEST: usize = 16;

/// Attempts to make a prompt fit; each leaves out as many tokens as are too many.
const MOST_ATTEMPTS: usize = 8;

/// Encodes prompts for one model.
pub(super) struct Prompts<'a> {
    pub vocabulary: &'a Vocabulary,
    pub special: &'a [String],
    pub inserts: &'a dyn Inserts,
}

/// A prompt that fits.
pub(super) struct Fitted {
    pub ids: Vec<i64>,
    /// What was left out.
    pub warning: Option<String>,
}

impl Prompts<'_> {
    /// The tokens of a conversation, at most `most`.
    ///
    /// # Errors
    /// [`Error::Input`] if it is too long, or the template refuses it.
    pub fn conversation(
        &self,
        template: &ChatTemplate,
        messages: &[Message],
        most: usize,
        truncate: Truncate,
    ) -> Result<Fitted, Error> {
        let mut messages: Vec<Message> = messages.iter().map(without_split).collect();
        let ids = self.rendered(template, &messages)?;
        let whole = ids.len();
        if whole <= most {
            return Ok(Fitted { ids, warning: None });
        }
        let (mut length, mut attempts) = (whole, 0);
        while truncate == Truncate::Middle && attempts < MOST_ATTEMPTS && self.shorten(&mut messages, length - most)? {
            let ids = self.rendered(template, &messages)?;
            if ids.len() <= most {
                let warning = format!("the prompt of {whole} tokens was cut in the middle to {}", ids.len());
                return Ok(Fitted { ids, warning: Some(warning) });
            }
            (length, attempts) = (ids.len(), attempts + 1);
        }
        Err(too_long(whole, most, truncate))
    }

    /// The tokens of a text as it is, with the tokens that the tokenizer puts around a text.
    ///
    /// # Errors
    /// [`Error::Input`] if it is empty or too long.
    pub fn text(&self, text: &str, most: usize, truncate: Truncate) -> Result<Fitted, Error> {
        let ids = self.vocabulary.encode(&text.replace(SPLIT, ""), true)?;
        let length = ids.len();
        match (length, truncate) {
            (0, _) => Err(Error::Input { problem: "the prompt is empty".to_string() }),
            (length, _) if length <= most => Ok(Fitted { ids, warning: None }),
            (_, Truncate::Middle) => {
                let head = most / 2;
                let kept = [&ids[..head], &ids[length - (most - head)..]].concat();
                let warning = format!("the prompt of {length} tokens was cut in the middle to {most}");
                Ok(Fitted { ids: kept, warning: Some(warning) })
            }
            (_, Truncate::Error) => Err(too_long(length, most, truncate)),
        }
    }

    /// The tokens of messages in the template.
    fn rendered(&self, template: &ChatTemplate, messages: &[Message]) -> Result<Vec<i64>, Error> {
        let guarded: Vec<Message> = messages
            .iter()
            .map(|message| Message { content: split(&message.content, self.special), ..message.clone() })
            .collect();
        let text = template.render(&guarded).map_err(|problem| Error::Input {
            problem: format!("the chat template refuses the messages: {problem}"),
        })?;
        let text = self.inserts.expand(text)?;
        let mut ids = Vec::new();
        for part in text.split(SPLIT).filter(|part| !part.is_empty()) {
            ids.extend(self.vocabulary.encode(part, false)?);
        }
        match ids.is_empty() {
            true => Err(Error::Input { problem: "the prompt is empty".to_string() }),
            false => Ok(ids),
        }
    }

    /// Leaves `excess` tokens out of the middle of the longest message; returns whether there was one to shorten.
    fn shorten(&self, messages: &mut [Message], excess: usize) -> Result<bool, Error> {
        let Some(longest) = messages.iter_mut().max_by_key(|message| message.content.len()) else { return Ok(false) };
        let ids = self.vocabulary.encode(&longest.content, false)?;
        if ids.len() < FEWEST {
            return Ok(false);
        }
        // The mark for what is left out takes a few tokens itself.
        let kept = ids.len().saturating_sub(excess + FEWEST).max(FEWEST / 2);
        let (head, tail) = (&ids[..kept / 2], &ids[ids.len() - (kept - kept / 2)..]);
        longest.content = format!("{}{LEFT_OUT}{}", self.vocabulary.text(head)?, self.vocabulary.text(tail)?);
        Ok(true)
    }
}

/// `text` with each special token in it split after its first character.
fn split(text: &str, special: &[String]) -> String {
    let mut cuts: Vec<usize> = Vec::new();
    for token in special {
        let mut from = 0;
        while let Some(at) = text[from..].find(token.as_str()) {
            let step = token.chars().next().map_or(1, char::len_utf8);
            cuts.push(from + at + step);
            from += at + step;
        }
    }
    cuts.sort_unstable();
    cuts.dedup();
    let mut guarded = String::with_capacity(text.len() + cuts.len() * SPLIT.len_utf8());
    let mut from = 0;
    for cut in cuts {
        guarded.push_str(&text[from..cut]);
        guarded.push(SPLIT);
        from = cut;
    }
    guarded.push_str(&text[from..]);
    guarded
}

/// A message that does not contain [`SPLIT`].
fn without_split(message: &Message) -> Message {
    Message { role: message.role.replace(SPLIT, ""), content: message.content.replace(SPLIT, ""), ..message.clone() }
}

fn too_long(length: usize, most: usize, truncate: Truncate) -> Error {
    let hint = match truncate {
        Truncate::Error => "; shorten it, or set `truncate: middle`",
        Truncate::Middle => ", and it cannot be shortened enough",
    };
    Error::Input { problem: format!("the prompt has {length} tokens; the model accepts at most {most}{hint}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_tokens_in_a_text_are_split_wherever_they_are() {
        let special: Vec<String> = ["<|end|>", "<|end", "<s>", "</s>"].map(str::to_string).to_vec();
        for (text, expected) in [
            ("nothing here", "nothing here"),
            ("<s>", "<|s>"),
            ("a<|end|>b<s><s>", "a<||end|>b<|s><|s>"),
            ("é</s>", "é<|/s>"),
        ] {
            // The last bar after a bracket stands for the split.
            let expected: String = match text {
                "a<|end|>b<s><s>" => format!("a<{SPLIT}|end|>b<{SPLIT}s><{SPLIT}s>"),
                "nothing here" => text.to_string(),
                _ => expected.replacen('|', &SPLIT.to_string(), 1),
            };
            assert_eq!(split(text, &special), expected, "{text}");
        }
        // No part of a split text is a special token.
        let hostile = "<s<s>></s></s><|end<|end|>|>";
        assert!(
            split(hostile, &special)
                .split(SPLIT)
                .all(|part| special.iter().all(|token| !part.contains(token.as_str())))
        );
    }
}
