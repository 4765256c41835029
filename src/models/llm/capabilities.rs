//! The language model's implementations of the capability traits.

use super::{LanguageModel, check_files};
use crate::config::ReplyOptions;
use crate::config::model_folder::{LlmSpec, ModelFolder};
use crate::error::Error;
use crate::models::capability::{Chatter, Model};
use crate::models::chat::{Prompt, Reply};
use crate::models::kind::ModelKind;
use crate::models::loader::Loader;
use crate::models::vocabulary::{TokenText, Vocabulary};

impl ModelKind for LanguageModel {
    const KIND: &'static str = "llm";

    type Spec = LlmSpec;

    fn load(loader: Loader) -> Result<Self, Error> {
        LanguageModel::load(loader)
    }

    fn check_files(folder: &ModelFolder) -> Result<(), Error> {
        let (Some(spec), Some(tokenizer)) = (folder.spec::<LlmSpec>(), folder.spec.tokenizer()) else { return Ok(()) };
        check_files(folder, spec, &Vocabulary::load(folder, tokenizer)?)
    }
}

impl Model for LanguageModel {
    fn name(&self) -> &str {
        LanguageModel::name(self)
    }

    fn provider(&self) -> &'static str {
        LanguageModel::provider(self)
    }

    fn as_chatter(&self) -> Option<&dyn Chatter> {
        Some(self)
    }
}

impl Chatter for LanguageModel {
    fn prepare_chat(&self) -> Result<(), Error> {
        self.graph().map(drop)
    }

    fn chat(&self, prompt: Prompt, options: &ReplyOptions) -> Result<Reply, Error> {
        LanguageModel::chat(self, prompt, options)
    }

    fn token_bytes(&self, id: i64) -> Vec<u8> {
        match self.vocabulary().token_text(id) {
            TokenText::Bytes(bytes) => bytes,
            TokenText::Special(_) | TokenText::None => Vec::new(),
        }
    }
}
