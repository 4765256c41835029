//! Records in, results out: which model sees what, in which order, and what becomes of errors.

mod fuse;
mod inputs;
mod live;
mod manifest;
mod output;
mod record;
mod result;
mod runner;
mod sources;
mod spool;

pub use inputs::{Inputs, MediaKind};
pub use live::transcribe_live;
pub use output::OutputFile;
pub use record::{BadRecord, Embedding, Record};
pub use result::{AnswerText, CaptionText, RecordResult, StepResult, Timed};
pub use runner::Pipeline;
pub use spool::{Job, Spool};
