//! Whisper: speech to text, in windows of 30 s.

mod channels;
mod context;
mod decode;
mod encode;
mod hallucination;
mod language;
mod language_names;
mod live;
mod long_form;
mod nothing_heard;
mod parts;
mod prompt;
mod rules;
mod segments;
mod short_context;
mod survey;
mod transcribe;
pub mod words;

use std::sync::{Arc, OnceLock};
use std::thread::{self, ScopedJoinHandle};

use crate::config::model_folder::{ModelFolder, WhisperSpec};
use crate::config::{Timestamps, TranscribeOptions};
use crate::engine::Graph;
use crate::error::Error;
use crate::media::audio::{LogMel, Recording};
use crate::models::capability::{LiveTranscriber, Model, OnProgress, Transcriber, VoiceDetector};
use crate::models::generation::Decoder;
use crate::models::kind::ModelKind;
use crate::models::loader::{Lazy, Loader};
use crate::models::token_bytes::TokenBytes;
use crate::models::transcript::Transcript;
use crate::models::vocabulary::Vocabulary;

pub use decode::DecodedWindow;
#[doc(hidden)] // Not part of the API: only `tests/fuzz` calls it directly.
pub use language_names::{code as language_code, name as language_name};
pub use live::Live;
use words::Aligner;

/// A Whisper model.
pub struct Whisper {
    folder: Arc<ModelFolder>,
    spec: WhisperSpec,
    tokens: TokenBytes,
    /// Loaded for the first prompt, because it is large.
    vocabulary: OnceLock<Vocabulary>,
    log_mel: Arc<LogMel>,
    encoder: Graph,
    decoder: Decoder,
    /// Loaded when words are first requested.
    aligner: Lazy<Aligner>,
    loader: Loader,
}

impl Whisper {
    /// Loads encoder, decoder and the texts of the tokens.
    ///
    /// # Errors
    /// [`Error`] if the folder holds another kind of model, or a file of it cannot be loaded.
    pub fn load(loader: Loader) -> Result<Self, Error> {
        let folder = loader.folder().clone();
        let spec: &WhisperSpec = loader.spec(Self::KIND)?;
        // Loading uses one core most of the time, so in parallel it takes half as long.
        let (encoder, decoder, tokens) = thread::scope(|scope| {
            let decoder = scope.spawn(|| Decoder::load(&loader, "decoder"));
            let tokens = scope.spawn(|| TokenBytes::load(&folder, &spec.tokenizer));
            (loader.graph("encoder"), joined(decoder), joined(tokens))
        });
        Ok(Whisper {
            log_mel: Arc::new(loader.log_mel(&spec.audio)?),
            spec: spec.clone(),
            tokens: tokens?,
            vocabulary: OnceLock::new(),
            encoder: encoder?,
            decoder: decoder?,
            aligner: Lazy::new(),
            folder,
            loader,
        })
    }

    /// The encoder's input spectrogram.
    pub fn log_mel(&self) -> &LogMel {
        &self.log_mel
    }

    /// Sample rate in Hz of the input of [`Whisper::transcribe`].
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

    /// The tokens of a prompt.
    fn encode_text(&self, text: &str) -> Result<Vec<i64>, Error> {
        let vocabulary = match self.vocabulary.get() {
            Some(vocabulary) => vocabulary,
            None => {
                let loaded = Vocabulary::load(&self.folder, &self.spec.tokenizer)?;
                self.vocabulary.get_or_init(|| loaded)
            }
        };
        vocabulary.encode(text, false)
    }

    fn cannot(&self, problem: String) -> Error {
        Error::Request { model: self.folder.common.name.clone(), problem }
    }
}

impl ModelKind for Whisper {
    const KIND: &'static str = "whisper";

    type Spec = WhisperSpec;

    fn load(loader: Loader) -> Result<Self, Error> {
        Whisper::load(loader)
    }

    fn check_files(folder: &ModelFolder) -> Result<(), Error> {
        if let Some(tokenizer) = folder.spec.tokenizer() {
            TokenBytes::load(folder, tokenizer)?;
            Vocabulary::load(folder, tokenizer)?;
        }
        Ok(())
    }
}

impl Model for Whisper {
    fn name(&self) -> &str {
        Whisper::name(self)
    }

    fn provider(&self) -> &'static str {
        Whisper::provider(self)
    }

    fn as_transcriber(&self) -> Option<&dyn Transcriber> {
        Some(self)
    }
}

impl Transcriber for Whisper {
    fn sample_rate(&self) -> u32 {
        Whisper::sample_rate(self)
    }

    fn prepare(&self, options: &TranscribeOptions, vad: bool) -> Result<(), Error> {
        self.check(options, vad)?;
        if options.timestamps == Timestamps::Word {
            self.prepare_words()?;
        }
        Ok(())
    }

    fn transcribe(
        &self,
        recording: &Recording,
        vad: Option<&dyn VoiceDetector>,
        options: &TranscribeOptions,
        progress: &mut OnProgress,
    ) -> Result<Transcript, Error> {
        self.transcribe_channels(recording, vad, options, progress)
    }

    fn live<'a>(
        &'a self,
        vad: &'a dyn VoiceDetector,
        options: &'a TranscribeOptions,
    ) -> Result<Box<dyn LiveTranscriber + 'a>, Error> {
        Ok(Box::new(live::Leased::new(self, vad, options)?))
    }
}

/// Result of a thread; if it panicked, this thread panics too.
fn joined<T>(thread: ScopedJoinHandle<T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
