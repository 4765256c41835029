//! Capabilities of models: one trait each, implemented by every kind that has it.

use std::any::Any;

use ndarray::Array2;

use super::chat::{Prompt, Reply};
use super::embedding::{EmbedInputs, InputEmbeddings, unembedded};
use super::fusion::{Fusion, FusionInputs};
use super::picture::{Answer, Candidates, Caption, EncodedImage, Match, MatchTexts, PictureClass, RankedAnswer};
use super::transcript::{LiveEvent, Transcript};
use crate::config::model_folder::{Modality, StudentInput, VadAudio, capability};
use crate::config::{CaptionOptions, ReplyOptions, SearchOptions, TranscribeOptions};
use crate::engine::{EngineError, Tensor};
use crate::error::Error;
use crate::media::audio::Recording;
use crate::media::image::{PixelConfig, Pixels};

/// Progress callback: seconds done and in total, called after each window of a recording.
pub type OnProgress<'a> = dyn FnMut(f64, f64) + 'a;

/// A loaded model of any kind. Inference takes `&self`; several threads may use one model.
pub trait Model: Any + Send + Sync {
    /// Name of the model.
    fn name(&self) -> &str;

    /// The execution provider of its main graph.
    fn provider(&self) -> &'static str;

    /// This model as a [`Transcriber`], if it is one.
    fn as_transcriber(&self) -> Option<&dyn Transcriber> {
        None
    }

    /// This model as a [`Captioner`], if it is one.
    fn as_captioner(&self) -> Option<&dyn Captioner> {
        None
    }

    /// This model as an [`Answerer`], if it is one.
    fn as_answerer(&self) -> Option<&dyn Answerer> {
        None
    }

    /// This model as a [`Classifier`], if it is one.
    fn as_classifier(&self) -> Option<&dyn Classifier> {
        None
    }

    /// This model as a [`Matcher`], if it is one.
    fn as_matcher(&self) -> Option<&dyn Matcher> {
        None
    }

    /// This model as an [`Embedder`], if it is one.
    fn as_embedder(&self) -> Option<&dyn Embedder> {
        None
    }

    /// This model as a [`Decider`], if it is one.
    fn as_decider(&self) -> Option<&dyn Decider> {
        None
    }

    /// This model as a [`Chatter`], if it is one.
    fn as_chatter(&self) -> Option<&dyn Chatter> {
        None
    }

    /// This model as a [`VoiceDetector`], if it is one.
    fn as_voice_detector(&self) -> Option<&dyn VoiceDetector> {
        None
    }
}

/// A capability as a type: what a lease of a model is for.
pub trait Capability: Send + Sync + 'static {
    /// Its name in lists of capabilities.
    const NAME: &'static str;

    /// `model` as this capability's trait, if it has the capability.
    fn of(model: &dyn Model) -> Option<&Self>;
}

/// Speech to text.
pub trait Transcriber: Model {
    /// Sample rate in Hz of live sound.
    fn sample_rate(&self) -> u32;

    /// Checks the options, and loads what they need; `vad` is whether speech is detected first.
    ///
    /// # Errors
    /// [`Error::Request`] for options that the model cannot fulfil; [`Error::Engine`] if a graph cannot be loaded.
    fn prepare(&self, options: &TranscribeOptions, vad: bool) -> Result<(), Error>;

    /// Transcribes the channels of a recording that the options ask for.
    ///
    /// # Errors
    /// As [`Transcriber::prepare`]; [`Error::Audio`] or [`Error::Input`] for a recording that cannot be read.
    fn transcribe(
        &self,
        recording: &Recording,
        vad: Option<&dyn VoiceDetector>,
        options: &TranscribeOptions,
        progress: &mut OnProgress,
    ) -> Result<Transcript, Error>;

    /// Starts to transcribe sound that is still arriving.
    ///
    /// # Errors
    /// As [`Transcriber::prepare`].
    fn live<'a>(
        &'a self,
        vad: &'a dyn VoiceDetector,
        options: &'a TranscribeOptions,
    ) -> Result<Box<dyn LiveTranscriber + 'a>, Error>;
}

/// A transcription of sound that is still arriving. What it holds does not grow with the stream.
pub trait LiveTranscriber {
    /// Accepts the next samples, mono in [-1, 1] at [`Transcriber::sample_rate`], and returns the events that they
    /// settle. `caught_up` says that no more samples are waiting, so there is time for a partial text.
    ///
    /// # Errors
    /// [`Error::Engine`] if a graph fails.
    fn push(&mut self, samples: &[f32], caught_up: bool) -> Result<Vec<LiveEvent>, Error>;

    /// Ends the stream and returns the last events.
    ///
    /// # Errors
    /// As [`LiveTranscriber::push`].
    fn finish(&mut self) -> Result<Vec<LiveEvent>, Error>;

    /// Why nothing was heard, for a stream that ended without any text.
    fn nothing_heard(&self) -> String;
}

/// Finds speech, chunk by chunk.
pub trait VoiceDetector: Model {
    /// Sample rate in Hz, and the number of samples that each probability covers.
    fn audio(&self) -> VadAudio;

    /// State at the start of a recording.
    ///
    /// # Errors
    /// [`EngineError`] if ONNX Runtime cannot allocate it.
    fn start(&self) -> Result<VoiceState, EngineError>;

    /// Probability of speech in [0, 1] for each row, and the state after them. A row is a chunk with its context before
    /// it: `[chunks, context + chunk]`.
    ///
    /// # Errors
    /// [`EngineError`] if the graph fails.
    fn run(&self, rows: Array2<f32>, state: &VoiceState) -> Result<(Vec<f32>, VoiceState), EngineError>;
}

/// State that a voice activity detector carries from chunk to chunk.
pub struct VoiceState(pub(super) Vec<Tensor>);

/// Encodes pictures for the other tasks of the same model.
pub trait PictureEncoder: Model {
    /// Runs the vision encoder on a picture that was preprocessed for this model.
    ///
    /// # Errors
    /// [`Error::Engine`] if the graph fails.
    fn encode_pixels(&self, pixels: Pixels) -> Result<EncodedImage, Error>;
}

/// Captions pictures.
pub trait Captioner: PictureEncoder {
    /// Loads the graphs for captions.
    ///
    /// # Errors
    /// [`Error::Engine`] if a graph cannot be loaded.
    fn prepare_captions(&self) -> Result<(), Error>;

    /// Captions a picture: as many captions as `options` asks for, best first.
    ///
    /// # Errors
    /// [`Error::Input`] if the prompt is too long; [`Error::Engine`] if a graph fails.
    fn caption(&self, image: &EncodedImage, options: &CaptionOptions) -> Result<Vec<Caption>, Error>;
}

/// Answers questions about pictures.
pub trait Answerer: PictureEncoder {
    /// Loads the graphs for answers.
    ///
    /// # Errors
    /// [`Error::Engine`] if a graph cannot be loaded.
    fn prepare_answers(&self) -> Result<(), Error>;

    /// Answers a question.
    ///
    /// # Errors
    /// [`Error::Input`] if the question is empty or too long; [`Error::Engine`] if a graph fails.
    fn answer(&self, image: &EncodedImage, question: &str, options: &SearchOptions) -> Result<Answer, Error>;

    /// Tokenizes candidate answers for [`Answerer::rank`].
    ///
    /// # Errors
    /// [`Error::Request`] if an answer is too long, or no answer is usable.
    fn candidates(&self, texts: &[String]) -> Result<Candidates, Error>;

    /// Probabilities of the candidate answers, most probable first.
    ///
    /// # Errors
    /// As [`Answerer::answer`].
    fn rank(&self, image: &EncodedImage, question: &str, candidates: &Candidates) -> Result<Vec<RankedAnswer>, Error>;

    /// Execution provider of the answer graph, or of the vision encoder until the answer graph is loaded.
    fn answer_provider(&self) -> &'static str;
}

/// Classifies pictures.
pub trait Classifier: PictureEncoder {
    /// Names of the classes.
    fn classes(&self) -> &[String];

    /// The `top` most probable classes of a picture, most probable first.
    ///
    /// # Errors
    /// [`Error::Request`] if another model encoded the picture.
    fn classify(&self, image: &EncodedImage, top: usize) -> Result<Vec<PictureClass>, Error>;
}

/// Matches texts with pictures.
pub trait Matcher: PictureEncoder {
    /// Loads the graphs for matching.
    ///
    /// # Errors
    /// [`Error::Engine`] if a graph cannot be loaded.
    fn prepare_matching(&self) -> Result<(), Error>;

    /// Tokenizes texts for [`Matcher::match_texts`].
    ///
    /// # Errors
    /// [`Error::Input`] if `texts` is empty, or one of them is empty or too long.
    fn match_list(&self, texts: &[String]) -> Result<MatchTexts, Error>;

    /// How well each text fits the picture, in the order of `texts`.
    ///
    /// # Errors
    /// [`Error::Engine`] if a graph fails.
    fn match_texts(&self, image: &EncodedImage, texts: &MatchTexts) -> Result<Vec<Match>, Error>;

    /// Execution provider of the matching graph, or of the vision encoder until the matching graph is loaded.
    fn match_provider(&self) -> &'static str;
}

/// Embeds pictures, texts and sounds: vectors of length 1, all in one space, so that the dot product of two is their
/// cosine similarity.
pub trait Embedder: Model {
    /// The inputs that it embeds: some of picture, text and sound.
    fn embeds(&self) -> Vec<Modality>;

    /// Error for an input that the model does not embed; names those that it embeds.
    fn unembedded(&self, input: Modality) -> Error {
        unembedded(self.name(), &self.embeds(), input)
    }

    /// Preprocessing of a picture's pixels, if the model embeds pictures.
    fn view(&self) -> Option<PixelConfig>;

    /// Sample rate in Hz and maximum duration in seconds, if the model embeds sounds.
    fn sound(&self) -> Option<(u32, u32)>;

    /// The encoder whose [`EncodedImage::embedding`] is a picture's embedding, if the model's other tasks encode
    /// pictures, too. With it, one run of the vision encoder serves all of them.
    fn picture_encoder(&self) -> Option<&dyn PictureEncoder> {
        None
    }

    /// Loads the graphs for embeddings.
    ///
    /// # Errors
    /// [`Error::Engine`] if a graph cannot be loaded.
    fn prepare_embeddings(&self) -> Result<(), Error>;

    /// Embeds each of the inputs.
    ///
    /// # Errors
    /// [`Error::Input`] if there is no input, the model does not embed one, or a text or sound is empty or too long;
    /// [`Error::Engine`] if a graph fails.
    fn embed(&self, inputs: &EmbedInputs) -> Result<InputEmbeddings, Error>;

    /// Encodes each of the inputs as the model's own code does: vectors that need not be of length 1. They are what a
    /// model that is trained on this one's output expects.
    ///
    /// # Errors
    /// As [`Embedder::embed`].
    fn features(&self, inputs: &EmbedInputs) -> Result<InputEmbeddings, Error> {
        self.embed(inputs)
    }
}

/// Decides from several modalities at once.
pub trait Decider: Model {
    /// Whether the model accepts this input.
    fn takes(&self, input: StudentInput) -> bool;

    /// Error for an input that the model does not accept; names those that it accepts.
    fn untaken(&self, input: StudentInput) -> Error;

    /// Preprocessing of a picture's pixels, if the model accepts pictures.
    fn view(&self) -> Option<PixelConfig>;

    /// Sample rate in Hz and maximum duration in seconds, if the model accepts sound.
    fn sound(&self) -> Option<(u32, u32)>;

    /// Decides from any subset of the inputs.
    ///
    /// # Errors
    /// [`Error::Input`] if there is no input, or one does not fit; [`Error::Engine`] if the graph fails.
    fn fuse(&self, inputs: &FusionInputs) -> Result<Fusion, Error>;
}

/// Continues conversations and texts.
pub trait Chatter: Model {
    /// Loads the graphs for answers.
    ///
    /// # Errors
    /// [`Error::Engine`] if a graph cannot be loaded.
    fn prepare_chat(&self) -> Result<(), Error>;

    /// Writes what follows `prompt`. Each piece of the answer is reported to the current request
    /// ([`Request::on_text`](crate::request::Request::on_text)) as soon as it will not change.
    ///
    /// # Errors
    /// [`Error::Input`] if the prompt is empty or too long, or the chat template refuses it; [`Error::Request`] if the
    /// model has no chat template, or an option does not suit it; [`Error::Engine`] if a graph fails; [`Error::Remote`]
    /// if an endpoint does not answer.
    fn chat(&self, prompt: Prompt, options: &ReplyOptions) -> Result<Reply, Error>;

    /// The bytes of a token's text, which need not be whole characters; none for special tokens.
    fn token_bytes(&self, id: i64) -> Vec<u8>;
}

impl Capability for dyn Transcriber {
    const NAME: &'static str = capability::TRANSCRIBE;

    fn of(model: &dyn Model) -> Option<&Self> {
        model.as_transcriber()
    }
}

impl Capability for dyn Captioner {
    const NAME: &'static str = capability::CAPTION;

    fn of(model: &dyn Model) -> Option<&Self> {
        model.as_captioner()
    }
}

impl Capability for dyn Answerer {
    const NAME: &'static str = capability::ANSWER;

    fn of(model: &dyn Model) -> Option<&Self> {
        model.as_answerer()
    }
}

impl Capability for dyn Classifier {
    const NAME: &'static str = capability::CLASSIFY;

    fn of(model: &dyn Model) -> Option<&Self> {
        model.as_classifier()
    }
}

impl Capability for dyn Matcher {
    const NAME: &'static str = capability::MATCH;

    fn of(model: &dyn Model) -> Option<&Self> {
        model.as_matcher()
    }
}

impl Capability for dyn Embedder {
    const NAME: &'static str = capability::EMBED;

    fn of(model: &dyn Model) -> Option<&Self> {
        model.as_embedder()
    }
}

impl Capability for dyn Decider {
    const NAME: &'static str = capability::DECIDE;

    fn of(model: &dyn Model) -> Option<&Self> {
        model.as_decider()
    }
}

impl Capability for dyn Chatter {
    const NAME: &'static str = capability::CHAT;

    fn of(model: &dyn Model) -> Option<&Self> {
        model.as_chatter()
    }
}

impl Capability for dyn VoiceDetector {
    const NAME: &'static str = capability::DETECT_SPEECH;

    fn of(model: &dyn Model) -> Option<&Self> {
        model.as_voice_detector()
    }
}
