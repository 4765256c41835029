//! Types shared by models of pictures: the encoded picture, captions, answers, classes and matching scores.

mod answer;
mod caption;
mod classes;
mod encoded;
mod matching;

pub use answer::{Answer, Candidates, RankedAnswer};
pub use caption::Caption;
pub use classes::PictureClass;
pub use encoded::EncodedImage;
pub use matching::{Match, MatchTexts};
