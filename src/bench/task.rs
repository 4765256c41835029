//! The measured task: one pipeline step on one record, or voice activity detection on one recording.

use serde::{Deserialize, Serialize};

use edgefuse::config::model_folder::capability;
use edgefuse::config::{
    AskOptions, CaptionOptions, ChatOptions, ClassifyOptions, Device, FuseOptions, MatchOptions, ModelEntry, Question,
    Step, TextSource, TranscribeOptions,
};
use edgefuse::error::Error;
use edgefuse::models::choose_model;
use edgefuse::pipeline::Record;

use super::inputs::Inputs;

/// A measured task, named after its command or its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Whisper: a recording to text.
    Transcribe,
    /// BLIP: a picture to a caption.
    Caption,
    /// BLIP: a picture and a question to an answer.
    Ask,
    /// An encoder: a picture to its most probable classes.
    Classify,
    /// BLIP: a picture and a text to a matching score.
    Match,
    /// The student: picture, text and sound to a decision.
    Fuse,
    /// The language model: a text to an answer.
    Chat,
    /// The voice activity detector: a recording to its stretches of speech.
    Vad,
}

impl Task {
    /// All tasks.
    pub const ALL: [Task; 8] =
        [Task::Transcribe, Task::Caption, Task::Ask, Task::Classify, Task::Match, Task::Fuse, Task::Chat, Task::Vad];

    /// The name of its command, or of its model if it has no command.
    pub fn name(self) -> &'static str {
        match self {
            Task::Transcribe => "transcribe",
            Task::Caption => "caption",
            Task::Ask => "ask",
            Task::Classify => "classify",
            Task::Match => "match",
            Task::Fuse => "fuse",
            Task::Chat => "chat",
            Task::Vad => "vad",
        }
    }

    /// The capability that it needs.
    pub fn capability(self) -> &'static str {
        match self {
            Task::Transcribe => capability::TRANSCRIBE,
            Task::Caption => capability::CAPTION,
            Task::Ask => capability::ANSWER,
            Task::Classify => capability::CLASSIFY,
            Task::Match => capability::MATCH,
            Task::Fuse => capability::DECIDE,
            Task::Chat => capability::CHAT,
            Task::Vad => capability::DETECT_SPEECH,
        }
    }

    /// The graph that does most of the work.
    pub fn main_graph(self) -> &'static str {
        match self {
            Task::Transcribe => "encoder",
            Task::Caption | Task::Ask | Task::Match => "vision",
            Task::Classify => "picture",
            Task::Fuse => "student",
            Task::Chat => "decoder",
            Task::Vad => "vad",
        }
    }

    /// The device's model for it: the one named by the pipeline's step, or the only one with the capability.
    ///
    /// # Errors
    /// [`Error::NoModel`], and others if the choice fails.
    pub fn entry(self, device: &Device) -> Result<&ModelEntry, Error> {
        let step = self.step(device);
        let named = step.as_ref().and_then(|step| step.options().model());
        let (key, _) = choose_model(device, self.capability(), named, "bench")?;
        Ok(&device.models[&key])
    }

    /// The step, with the device file's options if its pipeline has the step; `None` if the task is not a step.
    pub fn step(self, device: &Device) -> Option<Step> {
        Some(match self {
            Task::Transcribe => device.options::<TranscribeOptions>().into(),
            Task::Caption => device.options::<CaptionOptions>().into(),
            // The question is that of the input, whatever the pipeline uses.
            Task::Ask => AskOptions { question: Question::Text, ..device.options() }.into(),
            Task::Classify => device.options::<ClassifyOptions>().into(),
            Task::Match => device.options::<MatchOptions>().into(),
            // Likewise, because Whisper, which would produce the transcript, is not measured here.
            Task::Fuse => FuseOptions { text: TextSource::Text, ..device.options() }.into(),
            // The prompt is the text, whatever the pipeline makes it from.
            Task::Chat => ChatOptions { prompt: None, ..device.options() }.into(),
            Task::Vad => return None,
        })
    }

    /// The record for the measurement.
    pub fn record(self, inputs: &Inputs) -> Record {
        let (image, audio, text) = match self {
            Task::Transcribe | Task::Vad => (false, true, false),
            Task::Caption | Task::Classify => (true, false, false),
            Task::Chat => (false, false, true),
            Task::Ask | Task::Match => (true, false, true),
            Task::Fuse => (true, true, true),
        };
        let mut record = Record::default().with_id(self.name());
        record.image = image.then(|| inputs.image.clone().into());
        record.audio = audio.then(|| inputs.audio.clone().into());
        record.text = text.then(|| inputs.text.clone());
        record
    }
}
