//! What is measured: one pipeline step over one record, or voice activity detection over one recording.

use serde::{Deserialize, Serialize};

use edgefuse::config::model_folder::{Kind, ModelFolder};
use edgefuse::config::{
    AskOptions, CaptionOptions, Device, FuseOptions, MatchOptions, ModelEntry, Question, Step, TextSource,
};
use edgefuse::pipeline::Record;

use super::inputs::Inputs;

/// What is measured, under the name of its command or of its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Whisper: a recording to text.
    Transcribe,
    /// BLIP: a picture to a caption.
    Caption,
    /// BLIP: a picture and a question to an answer.
    Ask,
    /// BLIP: a picture and a text to how well they fit.
    Match,
    /// The student: picture, text and sound to a decision.
    Fuse,
    /// The voice activity detector: a recording to its stretches of speech.
    Vad,
}

impl Task {
    /// All of them.
    pub const ALL: [Task; 6] = [Task::Transcribe, Task::Caption, Task::Ask, Task::Match, Task::Fuse, Task::Vad];

    /// The name of its command, or of its model where it has none.
    pub fn name(self) -> &'static str {
        match self {
            Task::Transcribe => "transcribe",
            Task::Caption => "caption",
            Task::Ask => "ask",
            Task::Match => "match",
            Task::Fuse => "fuse",
            Task::Vad => "vad",
        }
    }

    /// The kind of model that it runs on.
    pub fn kind(self) -> &'static str {
        match self {
            Task::Transcribe => "whisper",
            Task::Caption | Task::Ask | Task::Match => "blip",
            Task::Fuse => "student",
            Task::Vad => "vad",
        }
    }

    /// The graph that does most of the work.
    pub fn main_graph(self) -> &'static str {
        match self {
            Task::Transcribe => "encoder",
            Task::Caption | Task::Ask | Task::Match => "vision",
            Task::Fuse => "student",
            Task::Vad => "vad",
        }
    }

    /// Whether a model of its kind can do it: BLIP folders differ in that.
    pub fn is_of(self, folder: &ModelFolder) -> bool {
        let has = |graph: &str| folder.common.graphs.contains_key(graph);
        match (self, &folder.kind) {
            (Task::Caption, Kind::Blip(_)) => has("caption_decoder"),
            (Task::Ask, Kind::Blip(_)) => has("answer_decoder"),
            (Task::Match, Kind::Blip(_)) => has("match_encoder") || has("text_encoder"),
            (Task::Match, _) => false,
            _ => true,
        }
    }

    /// The model that the device has for it.
    pub fn entry(self, device: &Device) -> Option<&ModelEntry> {
        match self {
            Task::Transcribe => device.whisper.as_ref(),
            Task::Caption | Task::Ask | Task::Match => device.blip.as_ref(),
            Task::Fuse => device.student.as_ref(),
            Task::Vad => device.vad.as_ref(),
        }
    }

    /// The step, with the device file's options where its pipeline has the step; `None` for what is no step.
    pub fn step(self, device: &Device) -> Option<Step> {
        let configured = device.pipeline.iter().find(|step| step.name() == self.name());
        Some(match (self, configured) {
            (Task::Vad, _) => return None,
            // The question is the input's, whatever the pipeline takes it from.
            (Task::Ask, Some(Step::Ask(options))) => {
                Step::Ask(AskOptions { question: Question::Text, ..options.clone() })
            }
            (Task::Ask, _) => Step::Ask(AskOptions { question: Question::Text, ..AskOptions::default() }),
            // Likewise: the transcript would be made by Whisper, which is not what is measured.
            (Task::Fuse, Some(Step::Fuse(options))) => {
                Step::Fuse(FuseOptions { text: TextSource::Text, ..options.clone() })
            }
            (Task::Fuse, _) => Step::Fuse(FuseOptions { text: TextSource::Text, ..FuseOptions::default() }),
            (_, Some(step)) => step.clone(),
            (Task::Transcribe, None) => Step::Transcribe(Box::default()),
            (Task::Caption, None) => Step::Caption(CaptionOptions::default()),
            (Task::Match, None) => Step::Match(MatchOptions::default()),
        })
    }

    /// The record that it is measured on.
    pub fn record(self, inputs: &Inputs) -> Record {
        let (image, audio, text) = match self {
            Task::Transcribe | Task::Vad => (false, true, false),
            Task::Caption => (true, false, false),
            Task::Ask | Task::Match => (true, false, true),
            Task::Fuse => (true, true, true),
        };
        Record {
            id: Some(self.name().to_string()),
            image: image.then(|| inputs.image.clone()),
            audio: audio.then(|| inputs.audio.clone()),
            text: text.then(|| inputs.text.clone()),
            ..Record::default()
        }
    }
}
