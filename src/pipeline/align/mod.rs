//! Aligns a text with a film: for each sentence the stretch of the film that it is about.

mod film;
mod path;
mod phrases;
mod scores;
mod sentences;

pub use film::{AlignOptions, Aligned, Stretch, align};
pub use sentences::sentences;
