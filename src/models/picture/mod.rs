//! What models of pictures have in common: the encoded picture, and what is said about it.

mod answer;
mod caption;
mod encoded;
mod matching;

pub use answer::{Answer, Candidates, RankedAnswer};
pub use caption::Caption;
pub use encoded::EncodedImage;
pub use matching::{Match, MatchTexts};
