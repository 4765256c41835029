//! Models that get a picture as part of a message instead of encoding it first: those behind endpoints.

use std::path::Path;

use super::Context;
use crate::config::model_folder::ModelFolder;
use crate::config::{ReplyOptions, SearchOptions, StopEarly};
use crate::error::Error;
use crate::models::capability::{Capability, Chatter};
use crate::models::chat::{Attachment, Message, Prompt, Reply};
use crate::pipeline::fallback::{answered_instead, fallback};

/// A model that is asked by a message.
pub(super) struct Asked {
    /// Its name under `models`.
    model: String,
    /// The step that asks.
    user: &'static str,
}

/// The model that [`Models::lease`](crate::models::Models::lease) would lease, if it is asked by a message: then it has no
/// preprocessing of pictures.
pub(super) fn by_message<C: Capability + ?Sized>(
    context: &Context,
    named: Option<&str>,
    user: &'static str,
) -> Result<Option<Asked>, Error> {
    let model = context.models.chosen::<C>(named, user)?;
    let here = context.models.view::<C>(named, user)?.is_some();
    Ok((!here).then_some(Asked { model, user }))
}

impl Asked {
    /// Its provider in results.
    pub fn provider(&self) -> &'static str {
        ModelFolder::REMOTE
    }

    /// Refuses an option that means nothing to such a model, if it is `used`.
    ///
    /// # Errors
    /// [`Error::Request`].
    pub fn refuse(&self, used: bool, option: &str) -> Result<(), Error> {
        let problem = format!("`{option}` cannot be used with a model behind an endpoint");
        if used { Err(Error::Request { model: self.model.clone(), problem }) } else { Ok(()) }
    }

    /// The options of a search that an endpoint knows. `top_k` is not among them; it is left out, because it has a default.
    ///
    /// # Errors
    /// [`Error::Request`] for others.
    pub fn options(&self, search: &SearchOptions) -> Result<ReplyOptions, Error> {
        let usual = SearchOptions::default();
        let used = [
            ("beams", search.beams != usual.beams),
            ("min_tokens", search.min_tokens != usual.min_tokens),
            ("length_penalty", search.length_penalty != usual.length_penalty),
            ("early_stopping", search.early_stopping != StopEarly::No),
            ("repetition_penalty", search.repetition_penalty != usual.repetition_penalty),
            ("no_repeat_ngram_size", search.no_repeat_ngram_size != usual.no_repeat_ngram_size),
        ];
        used.into_iter().try_for_each(|(option, used)| self.refuse(used, option))?;
        let SearchOptions { max_tokens, temperature, top_p, seed, .. } = *search;
        Ok(ReplyOptions { max_tokens, temperature, top_p, seed, ..ReplyOptions::default() })
    }

    /// The answer to `message` about the record's picture.
    ///
    /// # Errors
    /// [`Error::Image`] for a picture that cannot be read; those of [`Chatter::chat`].
    pub fn reply(&self, context: &mut Context, message: &str, options: ReplyOptions) -> Result<Reply, Error> {
        let mut warnings = Vec::new();
        let (models, name) = (context.models, context.record.name());
        let picture = context.sources.image().map(|picture| picture.decoded(models, &mut warnings)).transpose()?;
        context.sources.warn(Path::new(&name), warnings);
        let attachments = picture.into_iter().map(Attachment::Picture).collect();
        let message = Message { attachments, ..Message::new("user", message) };
        let model = models.lease::<dyn Chatter>(Some(&self.model), self.user)?;
        model.prepare_chat()?;
        let reply = model.chat(Prompt::Messages(&[message]), &options)?;
        context.sources.warn(Path::new(&name), &reply.warnings);
        Ok(reply)
    }

    /// The model to use instead after `error`, with a warning that it answered.
    ///
    /// # Errors
    /// `error`, if there is none.
    pub fn instead<C: Capability + ?Sized>(&self, context: &mut Context, error: Error) -> Result<String, Error> {
        let models = context.models;
        let Some(fallback) = fallback::<C>(models, Some(&self.model), &error, self.user)? else { return Err(error) };
        let name = context.record.name();
        context.sources.warn(Path::new(&name), [answered_instead(&error, fallback)]);
        Ok(fallback.to_string())
    }
}
