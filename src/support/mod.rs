//! Helpers that do not depend on models: files, locks, and requests with their deadlines.

pub mod backoff;
pub mod file_lock;
pub mod guard;
pub mod hex;
pub mod inline;
pub mod output_error;
pub(crate) mod path_text;
pub mod redact;
pub mod request;
pub mod shown;
pub mod small_file;
pub mod whole_file;
pub mod wording;
