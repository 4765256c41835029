//! Whisper: speech to text, in windows of 30 s.

mod context;
mod decode;
mod encode;
mod language;
mod live;
mod long_form;
mod prompt;
mod rules;
mod segments;
mod survey;
mod transcribe;
mod transcript;
pub mod words;

use std::sync::Arc;

use crate::config::model_folder::{Kind, ModelFolder, WhisperSpec};
use crate::engine::Graph;
use crate::error::Error;
use crate::media::audio::LogMel;
use crate::models::generation::Decoder;
use crate::models::loader::Loader;
use crate::models::vocabulary::Vocabulary;

pub use decode::DecodedWindow;
pub use live::{Live, LiveEvent};
pub use transcribe::OnProgress;
pub use transcript::{Segment, Transcript, Word};
use words::Aligner;

/// A Whisper model.
pub struct Whisper {
    folder: Arc<ModelFolder>,
    spec: WhisperSpec,
    vocabulary: Vocabulary,
    log_mel: Arc<LogMel>,
    encoder: Graph,
    decoder: Decoder,
    /// Loaded when words are first asked for.
    aligner: Option<Aligner>,
    loader: Loader,
}

impl Whisper {
    /// Loads encoder, decoder and tokenizer.
    ///
    /// # Errors
    /// [`Error`] when the folder holds another kind of model, or a file of it cannot be loaded.
    pub fn load(loader: Loader) -> Result<Self, Error> {
        let folder = loader.folder().clone();
        let Kind::Whisper(spec) = &folder.kind else { return Err(loader.wrong_kind("whisper")) };
        Ok(Whisper {
            log_mel: Arc::new(loader.log_mel(&spec.audio)?),
            spec: spec.clone(),
            vocabulary: Vocabulary::load(&folder, &spec.tokenizer)?,
            encoder: loader.graph("encoder")?,
            decoder: Decoder::load(&loader, "decoder")?,
            aligner: None,
            folder,
            loader,
        })
    }

    /// The spectrogram that the encoder takes.
    pub fn log_mel(&self) -> &LogMel {
        &self.log_mel
    }

    /// Samples a second that [`Whisper::transcribe`] wants.
    pub fn sample_rate(&self) -> u32 {
        self.spec.audio.sample_rate
    }

    /// The execution provider of the encoder.
    pub fn provider(&self) -> &'static str {
        self.encoder.provider()
    }

    /// Name of the model.
    pub fn name(&self) -> &str {
        &self.folder.common.name
    }

    fn cannot(&self, problem: String) -> Error {
        Error::Request { model: self.folder.common.name.clone(), problem }
    }
}
