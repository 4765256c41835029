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
mod survey;
mod transcribe;
mod transcript;
pub mod words;

use std::sync::{Arc, OnceLock};
use std::thread::{self, ScopedJoinHandle};

use crate::config::model_folder::{Kind, ModelFolder, WhisperSpec};
use crate::engine::Graph;
use crate::error::Error;
use crate::media::audio::LogMel;
use crate::models::generation::Decoder;
use crate::models::loader::{Lazy, Loader};
use crate::models::token_bytes::TokenBytes;
use crate::models::vocabulary::Vocabulary;

pub use decode::DecodedWindow;
#[doc(hidden)] // Not part of the API: only `tests/fuzz` calls it directly.
pub use language_names::code as language_code;
pub use live::{Live, LiveEvent};
pub use transcribe::OnProgress;
pub use transcript::{Segment, Transcript, Word};
use words::Aligner;

/// A Whisper model.
pub struct Whisper {
    folder: Arc<ModelFolder>,
    spec: WhisperSpec,
    tokens: TokenBytes,
    /// Loaded when a prompt is first given: it is large.
    vocabulary: OnceLock<Vocabulary>,
    log_mel: Arc<LogMel>,
    encoder: Graph,
    decoder: Decoder,
    /// Loaded when words are first asked for.
    aligner: Lazy<Aligner>,
    loader: Loader,
}

impl Whisper {
    /// Loads encoder, decoder and the texts of the tokens.
    ///
    /// # Errors
    /// [`Error`] when the folder holds another kind of model, or a file of it cannot be loaded.
    pub fn load(loader: Loader) -> Result<Self, Error> {
        let folder = loader.folder().clone();
        let Kind::Whisper(spec) = &folder.kind else { return Err(loader.wrong_kind("whisper")) };
        // Each uses one core for most of its time: in parallel they load in half the time.
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

    /// The tokens of `text`, of a prompt.
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

/// What a thread gave; its panic, if it had one, goes on in this one.
fn joined<T>(thread: ScopedJoinHandle<T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
