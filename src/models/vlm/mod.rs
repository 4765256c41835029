//! Vision-language models: a language model that reads pictures beside text (SmolVLM, Idefics3).
//!
//! A picture is split into tiles, which the vision encoder turns into rows as wide as the language model's embeddings.
//! In a prompt, tokens stand for these rows.
//!
//! | module | role |
//! |---|---|
//! | `pictures` | pictures to rows; the last ones are kept |
//! | `shown` | where pictures are in a prompt |
//! | `write` | captions, answers, and given answers ranked |

mod capabilities;
mod pictures;
mod shown;
mod write;

use std::sync::Arc;

use crate::config::ReplyOptions;
use crate::config::model_folder::{ModelFolder, VlmSpec};
use crate::engine::Graph;
use crate::error::Error;
use crate::media::image::{PixelConfig, pixels};
use crate::models::chat::{Attachment, Prompt, Reply};
use crate::models::kind::ModelKind;
use crate::models::llm::{self, LanguageModel, TextOnly};
use crate::models::loader::{Lazy, Loader};
use crate::models::vocabulary::Vocabulary;

use pictures::Encoded;
use shown::{Picture, Shown};

/// A vision-language model. Its graphs are loaded when they are first needed.
pub struct VisionLanguageModel {
    loader: Loader,
    folder: Arc<ModelFolder>,
    spec: VlmSpec,
    language: LanguageModel,
    vision: Lazy<Graph>,
    encoded: Encoded,
}

impl VisionLanguageModel {
    /// Loads tokenizer and chat template.
    ///
    /// # Errors
    /// [`Error`] if the folder holds another kind of model, or a file of it cannot be loaded.
    pub fn load(loader: Loader) -> Result<Self, Error> {
        let folder = loader.folder().clone();
        let spec: VlmSpec = loader.spec::<VlmSpec>(Self::KIND)?.clone();
        check_tokenizer(&folder, &spec, &Vocabulary::load(&folder, &spec.tokenizer)?)?;
        let tokens = [&spec.picture.image, &spec.picture.around, &spec.picture.whole].map(Clone::clone);
        Ok(VisionLanguageModel {
            language: LanguageModel::load_with_pictures(loader.clone(), spec.language(), &tokens)?,
            vision: Lazy::new(),
            encoded: Encoded::default(),
            spec,
            loader,
            folder,
        })
    }

    /// Name of the model.
    pub fn name(&self) -> &str {
        &self.folder.common.name
    }

    /// Execution provider of the language model, or `cpu` until it is loaded.
    pub fn provider(&self) -> &'static str {
        self.language.provider()
    }

    /// Maximum number of positions of prompt, with the rows of its pictures, and answer together.
    pub fn context(&self) -> usize {
        self.language.context()
    }

    /// Writes what follows `prompt`; see [`Chatter::chat`](crate::models::capability::Chatter::chat).
    ///
    /// # Errors
    /// As there.
    pub fn chat(&self, prompt: Prompt, options: &ReplyOptions) -> Result<Reply, Error> {
        let mut pictures = Vec::new();
        if let Prompt::Messages(messages) = prompt {
            let config = PixelConfig::from(&self.spec.image);
            for attachment in messages.iter().flat_map(|message| &message.attachments) {
                let Attachment::Picture(image) = attachment else {
                    return Err(Error::Input {
                        problem: format!("{} accepts text and pictures, but no sound", self.name()),
                    });
                };
                pictures.push(Picture::of_pixels(pixels(image, &config)));
            }
        }
        match pictures.is_empty() {
            true => self.language.chat_with(prompt, options, &TextOnly),
            false => self.language.chat_with(prompt, options, &Shown { model: self, pictures: &pictures }),
        }
    }

    /// Loads the graphs, if they are not loaded yet.
    ///
    /// # Errors
    /// [`Error::Engine`] if a graph cannot be loaded.
    pub fn prepare(&self) -> Result<(), Error> {
        self.vision()?;
        self.language.graph().map(drop)
    }

    fn vision(&self) -> Result<&Graph, Error> {
        Ok(self.vision.get_or_load(|| self.loader.graph("vision"))?)
    }

    /// Rows of one tile.
    fn rows_per_tile(&self) -> usize {
        // `config::model_folder` has checked that this is a number.
        self.folder.common.graphs["vision"].outputs["image_embeds"].fixed(1).unwrap_or(1)
    }

    /// Width of a row.
    fn width(&self) -> usize {
        self.folder.common.graphs["vision"].outputs["image_embeds"].fixed(2).unwrap_or(1)
    }
}

/// Checks that the tokenizer knows what stands for pictures.
fn check_tokenizer(folder: &ModelFolder, spec: &VlmSpec, vocabulary: &Vocabulary) -> Result<(), Error> {
    let picture = &spec.picture;
    for text in [&picture.image, &picture.around, &picture.whole] {
        if vocabulary.encode(text, false)?.len() != 1 {
            let problem = format!("it has no token {text}: it belongs to a model that does not read pictures");
            return Err(Error::Tokenizer { path: folder.file(&spec.tokenizer), problem });
        }
    }
    Ok(())
}

/// Checks tokenizer and template of a folder.
fn check_files(folder: &ModelFolder) -> Result<(), Error> {
    let Some(spec) = folder.spec::<VlmSpec>() else { return Ok(()) };
    let vocabulary = Vocabulary::load(folder, &spec.tokenizer)?;
    check_tokenizer(folder, spec, &vocabulary)?;
    llm::check_files(folder, &spec.language(), &vocabulary)
}
