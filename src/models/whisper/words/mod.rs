//! Word timestamps, from the attention of the decoder's alignment heads.
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

/// Position of a window in the recording.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WindowPlace {
    /// Its start, in seconds of the recording.
    pub offset: f64,
    /// Number of its mel frames that contain sound; later ones are not searched for words.
    pub frames: usize,
    /// End of the last word before it, in seconds of the recording; 0 if there is none.
    pub last_speech: f64,
}

impl Whisper {
    /// Loads the graph for [`Whisper::add_words`], which otherwise loads it itself.
    ///
    /// # Errors
    /// [`Error::Request`] for a model without the graph `alignment`; [`Error::Engine`] if it cannot be loaded.
    pub fn prepare_words(&self) -> Result<(), Error> {
        self.aligner.get_or_load(|| Aligner::load(&self.loader)).map(|_| ())
    }

    /// Sets [`Segment::words`] of every segment of a window, and moves its start and end to them. `segments` are all
    /// segments of the window, in order, with the text that [`Whisper::decode_windows`] generated for `window`;
    /// `language` and `task` are those requested, `marks` is the punctuation that is joined to words.
    ///
    /// # Errors
    /// Those of [`Whisper::prepare_words`]; [`Error::Request`] for a language the model does not know;
    /// [`Error::Engine`] when the graph fails.
    pub fn add_words(
        &self,
        window: &CrossAttention,
        language: &str,
        task: Task,
        marks: Punctuation,
        place: WindowPlace,
        segments: &mut [Segment],
    ) -> Result<(), Error> {
        // Timestamp tokens are not fed, because the alignment heads follow words.
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

/// Post-processes the words found by [`Aligner::align`]: joins punctuation to them, removes pauses from them, and
/// assigns them to `segments`. `counts` are the numbers of text tokens of the segments.
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

/// End of the last word of `segments` in seconds; if none has words, the end of the last segment.
pub fn last_end(segments: &[Segment]) -> Option<f64> {
    let word = segments.iter().rev().find_map(|segment| segment.words.as_ref()?.last());
    word.map(|word| word.end).or_else(|| segments.last().map(|segment| segment.end))
}
