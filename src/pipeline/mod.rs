//! Records in, results out: runs the steps of each record in order, and assigns errors to records or to the run.

mod about_pictures;
mod align;
mod builder;
mod conversation;
mod embeddings;
mod fallback;
mod film;
mod inputs;
mod lines;
mod lists;
mod live;
mod manifest;
mod media;
mod outcome;
mod output;
mod record;
mod replies;
mod result;
mod runner;
mod search;
mod settings;
mod shard;
mod sources;
mod spool;
mod steps;
mod version;
mod workers;

pub use about_pictures::{
    AnswerScore, AnswerText, CaptionScore, CaptionText, ClassScore, MatchEmbeddings, MatchedText, MatchedTexts,
    PictureClasses,
};
pub use align::{AlignOptions, Aligned, Stretch, align, sentences};
pub use builder::Builder;
pub use conversation::{Conversed, Said, converse};
pub use embeddings::RecordEmbeddings;
pub use film::{FilmOptions, is_film};
pub use inputs::{Inputs, MediaKind};
pub use live::transcribe_live;
#[cfg(feature = "python")]
pub(crate) use manifest::read_line;
pub use media::{Bytes, Picture, Samples, Sound};
pub use outcome::Timed;
pub use output::{Admission, Mark, OutputFile, write_line};
pub use record::{BadRecord, Embedding, Origin, Record};
pub use replies::ReplyText;
pub use result::RecordResult;
pub use runner::Pipeline;
pub use search::{IndexWriter, Question, Searched, Searcher, thumbnail_of};
pub use settings::settings;
pub use shard::Shard;
pub use spool::{Job, Ready, Spool};
pub use steps::{Indexed, missing_models, step_keys, text_keys};
pub use version::version_of;
pub use workers::{Answer, Answers, Next, Submit, Workers};
