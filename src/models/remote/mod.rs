//! Models behind an endpoint that speaks OpenAI's API: a server in the same network, or a service. Only a device file can
//! name one.
//!
//! | module | role |
//! |---|---|
//! | `body` | a prompt as the JSON of a request; pictures and sound as data |
//! | `client` | one request: what was sent back, or why nothing was |
//! | `events` | the answer's body to pieces of text |
//! | `breaker` | an endpoint that fails is not asked again for a while |
//! | `form` | whether an answer has the form that was asked for |
//! | `one_line` | what endpoints say, for errors |
//! | `write` | an answer, with further attempts |

mod body;
mod breaker;
mod client;
mod events;
mod form;
mod one_line;
#[cfg(test)]
mod tests;
mod write;

use crate::config::model_folder::{ModelFolder, RemoteSpec};
use crate::config::{RemoteOptions, ReplyOptions};
use crate::error::Error;
use crate::models::capability::{Chatter, Model};
use crate::models::chat::{Prompt, Reply};
use crate::models::loader::Loader;

use breaker::Breaker;
use client::Client;

/// A model behind an endpoint. Nothing is sent before the first prompt.
pub struct Remote {
    name: String,
    options: RemoteOptions,
    client: Client,
    breaker: Breaker,
}

impl Remote {
    /// Prepares to ask the endpoint.
    ///
    /// # Errors
    /// [`Error::Request`] for a key or certificates that cannot be used.
    pub fn new(options: &RemoteOptions) -> Result<Self, Error> {
        let wrong = |problem| Error::Request { model: options.model.clone(), problem };
        Ok(Remote {
            name: options.model.clone(),
            client: Client::new(options).map_err(wrong)?,
            breaker: Breaker::default(),
            options: options.clone(),
        })
    }

    /// As [`Remote::new`], for the entry of a device file.
    pub(super) fn load(loader: &Loader) -> Result<Self, Error> {
        let RemoteSpec(options) = loader.spec(ModelFolder::REMOTE)?;
        Self::new(options)
    }
}

impl Model for Remote {
    fn name(&self) -> &str {
        &self.name
    }

    fn provider(&self) -> &'static str {
        ModelFolder::REMOTE
    }

    fn as_chatter(&self) -> Option<&dyn Chatter> {
        Some(self)
    }
}

impl Chatter for Remote {
    fn prepare_chat(&self) -> Result<(), Error> {
        Ok(())
    }

    fn chat(&self, prompt: Prompt, options: &ReplyOptions) -> Result<Reply, Error> {
        self.write(prompt, options)
    }

    fn token_bytes(&self, _id: i64) -> Vec<u8> {
        Vec::new()
    }
}
