//! Word timestamps, from what the decoder's alignment heads attend to.
//!
//! Follows openai-whisper's `timing.py`. A window's text passes through the decoder once more, all tokens at once; some
//! of its cross-attention heads, `alignment_heads` in `model.yaml`, attend to the sound of the token they are about to
//! write. Dynamic time warping derives one time per token from them, and rules about pauses and punctuation turn these
//! into the words of each segment.

mod aligner;
mod attention;
mod dtw;
mod median;
mod place;
mod punctuation;
mod split;
mod timing;

use super::Whisper;
use crate::config::Task;
use crate::error::Error;
use crate::models::generation::CrossAttention;
use crate::models::transcript::Segment;

pub use aligner::Aligner;
pub use attention::{begin_times, token_matrix};
pub use dtw::first_columns;
pub use punctuation::Punctuation;
pub use split::{WordTokens, split_to_words};
pub use timing::WordTiming;

/// Where a window lies in the recording.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WindowPlace {
    /// Its start, in seconds of the recording.
    pub offset: f64,
    /// Its mel frames that hold sound; those behind are not searched for words.
    pub frames: usize,
    /// End of the last word before it, in seconds of the recording; 0 without one.
    pub last_speech: f64,
}

impl Whisper {
    /// Loads what [`Whisper::add_words`] needs, which that does itself where it was not done before.
    ///
    /// # Errors
    /// [`Error::Request`] for a model without the graph `alignment`; [`Error::Engine`] when it cannot be loaded.
    pub fn prepare_words(&self) -> Result<(), Error> {
        self.aligner.get_or_load(|| Aligner::load(&self.loader)).map(|_| ())
    }

    /// Gives every segment of a window its [`Segment::words`], and moves its start and end to them. `segments` are all of
    /// the window's, in order, with the text that [`Whisper::decode_windows`] wrote for `window`; `language` and `task`
    /// are what it was asked for, `marks` the punctuation that is joined to words.
    ///
    /// # Errors
    /// Those of [`Whisper::prepare_words`]; [`Error::Request`] for a language the model does not know; [`Error::Engine`]
    /// when the graph fails.
    pub fn add_words(
        &self,
        window: &CrossAttention,
        language: &str,
        task: Task,
        marks: Punctuation,
        place: WindowPlace,
        segments: &mut [Segment],
    ) -> Result<(), Error> {
        // The times in the text are not fed: the alignment heads follow words.
        let prompt = self.prompt(language, task, false)?;
        let end_of_text = self.spec.tokens.end_of_text;
        let is_text = |token: &i64| *token < end_of_text;
        let counts: Vec<usize> =
            segments.iter().map(|segment| segment.tokens.iter().copied().filter(is_text).count()).collect();
        let text: Vec<i64> = segments.iter().flat_map(|segment| &segment.tokens).copied().filter(is_text).collect();

        let aligner = self.aligner.get_or_load(|| Aligner::load(&self.loader))?;
        let split = split_to_words(&text, language, |tokens| self.tokens.text(tokens));
        let words = aligner.align(window, &prompt, &text, split, place.frames)?;
        place_words(words, segments, &counts, marks, place);
        Ok(())
    }
}

/// What becomes of the words that [`Aligner::align`] found: punctuation joined to them, pauses taken out of them, each in
/// its segment of `segments`. `counts` are the segments' numbers of text tokens.
pub fn place_words(
    mut words: Vec<WordTiming>,
    segments: &mut [Segment],
    counts: &[usize],
    marks: Punctuation,
    place: WindowPlace,
) {
    let durations = timing::Durations::of(&words);
    timing::trim_at_sentence_ends(&mut words, durations);
    punctuation::merge_punctuation(&mut words, marks);
    place::place(&words, segments, counts, durations, place.offset, place.last_speech);
}

/// End of the last word of `segments` in seconds; where none has words, the end of the last segment.
pub fn last_end(segments: &[Segment]) -> Option<f64> {
    let word = segments.iter().rev().find_map(|segment| segment.words.as_ref()?.last());
    word.map(|word| word.end).or_else(|| segments.last().map(|segment| segment.end))
}
