//! Records in, results out: which model sees what, in which order, and what becomes of errors.

mod about_pictures;
mod builder;
mod fuse;
mod inputs;
mod lines;
mod live;
mod manifest;
mod output;
mod pictures;
mod record;
mod result;
mod runner;
mod settings;
mod sources;
mod spool;
mod step;
mod version;

pub use about_pictures::{
    AnswerScore, AnswerText, CaptionScore, CaptionText, MatchEmbeddings, MatchedText, MatchedTexts,
};
pub use builder::Builder;
pub use inputs::{Inputs, MediaKind};
pub use live::transcribe_live;
pub use output::{Admission, Mark, OutputFile};
pub use record::{BadRecord, Embedding, Record};
pub use result::{RecordResult, StepResult, Timed};
pub use runner::Pipeline;
pub use settings::settings;
pub use spool::{Job, Ready, Spool};
