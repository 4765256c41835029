//! An answer, from its prompt to its end.

use std::time::{Duration, Instant};

use super::LanguageModel;
use super::choose::Chooser;
use super::inserts::{Fed, Inserts, TextOnly};
use super::prompt::{Fitted, Prompts};
use super::sequence::Sequence;
use super::template::ChatTemplate;
use super::text_stream::{StopTexts, TextStream};
use crate::config::{ReplyOptions, Truncate};
use crate::error::Error;
use crate::models::chat::{Finish, Message, Prompt, Reply};
use crate::support::request::Request;

impl LanguageModel {
    /// Writes what follows `prompt`; see [`Chatter::chat`](crate::models::capability::Chatter::chat).
    ///
    /// # Errors
    /// As there.
    pub fn chat(&self, prompt: Prompt, options: &ReplyOptions) -> Result<Reply, Error> {
        if let Prompt::Messages(messages) = prompt
            && messages.iter().any(|message| !message.attachments.is_empty())
        {
            return Err(Error::Input { problem: format!("{} accepts only text", self.name()) });
        }
        self.chat_with(prompt, options, &TextOnly)
    }

    /// [`LanguageModel::chat`] with pictures in the messages.
    ///
    /// # Errors
    /// As there, and those of `inserts`.
    pub(in crate::models) fn chat_with(
        &self,
        prompt: Prompt,
        options: &ReplyOptions,
        inserts: &dyn Inserts,
    ) -> Result<Reply, Error> {
        options.check().map_err(|problem| Error::Request { model: self.name().to_string(), problem })?;
        let mut guide = options.form.as_ref().map(|form| self.guide(form)).transpose()?;
        let unguided = |problem: String| Error::Input {
            problem: format!("the answer does not have the required form: {problem}"),
        };
        let started = Instant::now();
        let Fitted { ids, warning } = self.tokens(prompt, options, inserts)?;
        let limit = options.max_tokens.unwrap_or(self.spec.generation.max_tokens).min(self.context() - ids.len());
        let prompt_tokens = ids.len();
        let fed = inserts.fed(ids)?;
        // The last token is not fed.
        let (mut sequence, mut logits, reused) =
            Sequence::read(self.graph()?, (&self.prefixes, &self.rows), &fed, limit - 1)?;
        let mut reply = Reply {
            prompt_tokens,
            reused_tokens: reused,
            finish: Finish::Length,
            warnings: warning.into_iter().collect(),
            ..Reply::default()
        };
        let caller = Request::current();
        let mut chooser = Chooser::new(options);
        let mut stream = TextStream::new(&self.vocabulary);
        let mut stops = StopTexts::new(&options.stop);
        let (mut first_token, mut stopped) = (None, false);
        let tell = |reply: &mut Reply, text: &str| {
            if !text.is_empty() {
                reply.text.push_str(text);
                caller.report_text(text);
            }
        };
        while reply.tokens.len() < limit {
            if let Some(guide) = &mut guide {
                guide.mask(&mut logits).map_err(unguided)?;
            }
            let token = chooser.choose(&logits);
            first_token.get_or_insert_with(|| started.elapsed());
            let id = token.id;
            if self.spec.tokens.ends.contains(&id) {
                reply.finish = Finish::Stop;
                break;
            }
            reply.tokens.push(token);
            reply.written += 1;
            Request::current().report_token(id);
            let piece = stops.push(&stream.push(id)?);
            tell(&mut reply, &piece.text);
            let complete = guide.as_mut().map(|guide| guide.accept(id)).transpose().map_err(unguided)?;
            stopped = piece.stopped;
            if stopped || complete == Some(true) {
                reply.finish = Finish::Stop;
                break;
            }
            if reply.tokens.len() < limit {
                sequence.step(id, &mut logits)?;
            }
        }
        if !stopped {
            let last = stops.push(&stream.finish()?);
            let held = if last.stopped { String::new() } else { stops.finish() };
            tell(&mut reply, &(last.text + &held));
        }
        reply.text = reply.text.trim().to_string();
        reply.first_token = first_token.unwrap_or_default();
        reply.rest = started.elapsed().checked_sub(reply.first_token).unwrap_or(Duration::ZERO);
        Ok(reply)
    }

    /// The tokens of a prompt, which leave room for at least one more.
    fn tokens(&self, prompt: Prompt, options: &ReplyOptions, inserts: &dyn Inserts) -> Result<Fitted, Error> {
        let context = self.context();
        let most = match options.truncate {
            Truncate::Error => context - 1,
            // A cut prompt leaves room for the answer, but never shrinks below half the context for it.
            Truncate::Middle => {
                let answer = options.max_tokens.unwrap_or(self.spec.generation.max_tokens);
                context - answer.clamp(1, context / 2)
            }
        };
        let prompts = Prompts { vocabulary: &self.vocabulary, special: &self.special, inserts };
        match prompt {
            Prompt::Text(text) => prompts.text(text, most, options.truncate),
            Prompt::Messages(messages) => prompts.conversation(self.template()?, messages, most, options.truncate),
        }
    }

    /// The prompt of a conversation for other searches than that of a chat, with room for `room` more tokens.
    ///
    /// # Errors
    /// [`Error::Input`] if it is too long, or the template refuses it; those of `inserts`.
    pub(in crate::models) fn prompt(
        &self,
        messages: &[Message],
        room: usize,
        inserts: &dyn Inserts,
    ) -> Result<Fed, Error> {
        let prompts = Prompts { vocabulary: &self.vocabulary, special: &self.special, inserts };
        let most = self.context().saturating_sub(room);
        inserts.fed(prompts.conversation(self.template()?, messages, most, Truncate::Error)?.ids)
    }

    /// The text of a conversation, up to where the model's answer begins.
    ///
    /// # Errors
    /// [`Error::Input`] if the template refuses it.
    pub(in crate::models) fn rendered(&self, messages: &[Message]) -> Result<String, Error> {
        self.template()?
            .render(messages)
            .map_err(|problem| Error::Input { problem: format!("the chat template refuses the messages: {problem}") })
    }

    fn template(&self) -> Result<&ChatTemplate, Error> {
        self.template.as_ref().ok_or_else(|| Error::Request {
            model: self.name().to_string(),
            problem: "the model has no chat template: it continues texts, but not conversations".to_string(),
        })
    }
}
