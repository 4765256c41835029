//! Values of the enumerated arguments of `transcribe`.

use clap::ValueEnum;
use edgefuse::config::{EncoderContext, Task, Timestamps};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TaskArgument {
    Transcribe,
    Translate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TimestampsArgument {
    None,
    Segment,
    Word,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EncoderContextArgument {
    /// Short, and the full context again if the text is doubtful
    Auto,
    /// All 30 s, as in training
    Full,
    /// The sound and a little silence: faster, but it can change words
    Adaptive,
}

impl From<TaskArgument> for Task {
    fn from(argument: TaskArgument) -> Self {
        match argument {
            TaskArgument::Transcribe => Task::Transcribe,
            TaskArgument::Translate => Task::Translate,
        }
    }
}

impl From<TimestampsArgument> for Timestamps {
    fn from(argument: TimestampsArgument) -> Self {
        match argument {
            TimestampsArgument::None => Timestamps::None,
            TimestampsArgument::Segment => Timestamps::Segment,
            TimestampsArgument::Word => Timestamps::Word,
        }
    }
}

impl From<EncoderContextArgument> for EncoderContext {
    fn from(argument: EncoderContextArgument) -> Self {
        match argument {
            EncoderContextArgument::Auto => EncoderContext::Auto,
            EncoderContextArgument::Full => EncoderContext::Full,
            EncoderContextArgument::Adaptive => EncoderContext::Adaptive,
        }
    }
}
