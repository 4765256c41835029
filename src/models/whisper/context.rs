//! The context that precedes a window: words to expect, and earlier text.

use super::Whisper;
use crate::config::TranscribeOptions;
use crate::error::Error;

/// The tokens of the text before a window.
#[derive(Debug, Clone)]
pub(super) struct Context {
    start_of_previous: i64,
    /// Maximum number of tokens before the start of the transcript: half the decoder's positions, minus one.
    most: usize,
    hotwords: Vec<i64>,
    /// The initial prompt, if it precedes every window.
    carried: Vec<i64>,
    previous: Vec<i64>,
}

impl Context {
    /// The context of the first window: hotwords and initial prompt.
    pub fn new(whisper: &Whisper, options: &TranscribeOptions) -> Result<Self, Error> {
        let encoded = |text: &Option<String>| match text.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            Some(text) => whisper.encode_text(&format!(" {text}")),
            None => Ok(Vec::new()),
        };
        let mut context = Context {
            start_of_previous: whisper.spec.tokens.start_of_previous,
            most: whisper.spec.generation.max_tokens / 2 - 1,
            hotwords: encoded(&options.hotwords)?,
            carried: Vec::new(),
            previous: Vec::new(),
        };
        context.hotwords.truncate(context.most);
        let prompt = encoded(&options.initial_prompt)?;
        match options.carry_initial_prompt {
            // As in openai-whisper, a text that does not fit is cut off at its start.
            true => context.carried = prompt[prompt.len().saturating_sub(context.room())..].to_vec(),
            false => context.add(&prompt),
        }
        Ok(context)
    }

    /// The decoder's input: the context, then `start`. Hotwords and a carried prompt precede the text of earlier
    /// windows, which gets the remaining positions, as in faster-whisper and openai-whisper.
    pub fn prompt(&self, start: &[i64]) -> Vec<i64> {
        let room = self.room() - self.carried.len();
        let previous = &self.previous[self.previous.len().saturating_sub(room)..];
        let mut prompt = Vec::with_capacity(1 + self.most + start.len());
        if !(self.hotwords.is_empty() && self.carried.is_empty() && previous.is_empty()) {
            prompt.push(self.start_of_previous);
            prompt.extend(&self.hotwords);
            prompt.extend(&self.carried);
            prompt.extend(previous);
        }
        prompt.extend(start);
        prompt
    }

    /// Adds the tokens of a window. No more tokens are kept than fit into a prompt.
    pub fn add(&mut self, tokens: &[i64]) {
        self.previous.extend(tokens);
        let surplus = self.previous.len().saturating_sub(self.most);
        self.previous.drain(..surplus);
    }

    /// Forgets the text of earlier windows and an initial prompt that is not carried; the hotwords stay.
    pub fn forget(&mut self) {
        self.previous.clear();
    }

    /// Number of tokens that fit beside the hotwords.
    fn room(&self) -> usize {
        self.most - self.hotwords.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(hotwords: &[i64]) -> Context {
        Context {
            start_of_previous: 99,
            most: 5,
            hotwords: hotwords.to_vec(),
            carried: Vec::new(),
            previous: Vec::new(),
        }
    }

    #[test]
    fn the_latest_tokens_are_kept() {
        let mut context = context(&[]);
        assert_eq!(context.prompt(&[1]), [1]);
        context.add(&[10, 11, 12]);
        context.add(&[13, 14, 15, 16]);
        assert_eq!(context.prompt(&[1, 2]), [99, 12, 13, 14, 15, 16, 1, 2]);
        context.forget();
        assert_eq!(context.prompt(&[1]), [1]);
    }

    #[test]
    fn hotwords_come_first_and_stay() {
        let mut context = context(&[70, 71]);
        assert_eq!(context.prompt(&[1]), [99, 70, 71, 1]);
        context.add(&[10, 11, 12, 13]);
        assert_eq!(context.prompt(&[1]), [99, 70, 71, 11, 12, 13, 1]);
        context.forget();
        assert_eq!(context.prompt(&[1]), [99, 70, 71, 1]);
    }

    #[test]
    fn a_carried_prompt_stays_before_the_latest_tokens() {
        let mut context = Context { carried: vec![50, 51], ..context(&[70]) };
        assert_eq!(context.prompt(&[1]), [99, 70, 50, 51, 1]);
        context.add(&[10, 11, 12, 13]);
        assert_eq!(context.prompt(&[1]), [99, 70, 50, 51, 12, 13, 1]);
        context.forget();
        assert_eq!(context.prompt(&[1]), [99, 70, 50, 51, 1]);
    }
}
