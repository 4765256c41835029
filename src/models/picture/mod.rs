//! Types shared by models of pictures: the encoded picture, captions, answers and matching scores.

mod answer;
mod caption;
mod encoded;
mod matching;

pub use answer::{Answer, Candidates, RankedAnswer};
pub use caption::Caption;
pub use encoded::EncodedImage;
pub use matching::{Match, MatchTexts};
