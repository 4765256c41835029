//! Decoder-only language models: Llama, Qwen, Gemma.
//!
//! | module | role |
//! |---|---|
//! | `template` | chat templates |
//! | `inserts` | what a prompt has between its tokens, for models that read pictures, too |
//! | `prompt` | messages to tokens, so that no message can end itself |
//! | `decoder`, `sequence` | the graph and its cache; prefixes that are kept for later prompts |
//! | `rows` | the steps of several sequences in one run |
//! | `choose`, `guide` | the next token; the form of an answer |
//! | `text_stream` | tokens to text while it is written |
//! | `write` | an answer, from its prompt to its end |

mod capabilities;
mod choose;
mod decoder;
mod guide;
mod inserts;
mod prompt;
mod rows;
mod sequence;
mod template;
mod text_stream;
mod write;

use std::sync::Arc;

use crate::config::Form;
use crate::config::model_folder::{LlmSpec, ModelFolder};
use crate::error::Error;
use crate::models::kind::ModelKind;
use crate::models::loader::{Lazy, Loader};
use crate::models::vocabulary::{Vocabulary, read_listed};

use decoder::LlmDecoder;
use guide::{Guide, Guides};
pub(in crate::models) use inserts::{Fed, Inserts, TextOnly};
use rows::Rows;
use sequence::Prefixes;
use template::ChatTemplate;

/// Maximum size of a chat template; the longest known one has 30 kB.
const LARGEST_TEMPLATE: u64 = 4 << 20;

/// A language model. Its graph is loaded when it is first needed.
pub struct LanguageModel {
    loader: Loader,
    folder: Arc<ModelFolder>,
    spec: LlmSpec,
    vocabulary: Vocabulary,
    /// Names of special tokens.
    special: Vec<String>,
    template: Option<ChatTemplate>,
    decoder: Lazy<LlmDecoder>,
    prefixes: Prefixes,
    rows: Rows,
    guides: Lazy<Guides>,
}

impl LanguageModel {
    /// Loads tokenizer and chat template.
    ///
    /// # Errors
    /// [`Error`] if the folder holds another kind of model, or a file of it cannot be loaded.
    pub fn load(loader: Loader) -> Result<Self, Error> {
        let spec: LlmSpec = loader.spec::<LlmSpec>(Self::KIND)?.clone();
        let folder = loader.folder().clone();
        let vocabulary = Vocabulary::load(&folder, &spec.tokenizer)?;
        let template = load_template(&folder, &spec, &vocabulary)?;
        Ok(Self::of(loader, spec, vocabulary, template))
    }

    /// The language model in a folder of another kind, with the pictures of messages in its prompts. `picture_tokens` stand
    /// for pictures: in a message they are plain text.
    ///
    /// # Errors
    /// [`Error`] if a file of the folder cannot be loaded.
    pub(in crate::models) fn load_with_pictures(
        loader: Loader,
        spec: LlmSpec,
        picture_tokens: &[String],
    ) -> Result<Self, Error> {
        let folder = loader.folder().clone();
        let vocabulary = Vocabulary::load(&folder, &spec.tokenizer)?;
        let template = load_template(&folder, &spec, &vocabulary)?.map(ChatTemplate::with_parts);
        let mut model = Self::of(loader, spec, vocabulary, template);
        model.special.extend_from_slice(picture_tokens);
        Ok(model)
    }

    fn of(loader: Loader, spec: LlmSpec, vocabulary: Vocabulary, template: Option<ChatTemplate>) -> Self {
        let folder = loader.folder().clone();
        LanguageModel {
            spec,
            special: vocabulary.special_texts(),
            vocabulary,
            template,
            decoder: Lazy::new(),
            prefixes: Prefixes::default(),
            rows: Rows::default(),
            guides: Lazy::new(),
            loader,
            folder,
        }
    }

    /// Name of the model.
    pub fn name(&self) -> &str {
        &self.folder.common.name
    }

    /// The tokenizer.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Maximum number of tokens of prompt and answer together.
    pub fn context(&self) -> usize {
        self.spec.generation.context
    }

    /// Execution provider of the graph, or `cpu` until it is loaded.
    pub fn provider(&self) -> &'static str {
        self.decoder.get().map_or("cpu", LlmDecoder::provider)
    }

    /// The guide of an answer of this form.
    fn guide(&self, form: &Form) -> Result<Guide, Error> {
        let wrong = |problem: String| Error::Request { model: self.name().to_string(), problem };
        let rows = self.folder.common.graphs["decoder"].outputs["logits"].fixed(1).unwrap_or(1);
        // `config::model_folder` has checked that there is one.
        let end = self.spec.tokens.ends.first().copied().unwrap_or_default();
        let guides = self.guides.get_or_load(|| Guides::new(&self.vocabulary, rows, end)).map_err(wrong)?;
        guides.guide(form).map_err(|problem| wrong(format!("the answer cannot have this form: {problem}")))
    }

    /// Loads the graph, if it is not loaded yet.
    pub(in crate::models) fn graph(&self) -> Result<&LlmDecoder, Error> {
        Ok(self.decoder.get_or_load(|| LlmDecoder::load(&self.loader))?)
    }
}

/// Checks a folder's files, apart from its graphs.
///
/// # Errors
/// As [`LanguageModel::load`].
pub(in crate::models) fn check_files(
    folder: &ModelFolder,
    spec: &LlmSpec,
    vocabulary: &Vocabulary,
) -> Result<(), Error> {
    load_template(folder, spec, vocabulary).map(drop)
}

/// The chat template of a folder, if it has one.
///
/// # Errors
/// [`Error::Engine`] for a missing or damaged file, [`Error::Template`] for one that is not a template.
fn load_template(folder: &ModelFolder, spec: &LlmSpec, vocabulary: &Vocabulary) -> Result<Option<ChatTemplate>, Error> {
    let Some(file) = &spec.chat_template else { return Ok(None) };
    let wrong = |problem: String| Error::Template { path: folder.file(file), problem };
    let (_, bytes) = read_listed(folder, file, LARGEST_TEMPLATE, |_, problem| wrong(problem))?;
    let text = String::from_utf8(bytes).map_err(|_| wrong("not UTF-8 text".to_string()))?;
    let named = |id: Option<i64>| id.and_then(|id| vocabulary.token(id)).unwrap_or_default();
    let template = ChatTemplate::new(text, named(spec.tokens.begin), named(spec.tokens.end)).map_err(wrong)?;
    Ok(Some(template))
}
