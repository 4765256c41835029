//! Groups words into lines, and lines into subtitles.

use edgefuse::models::transcript::{Segment, Word};

use super::one_line;

/// Layout of subtitles. All options need the segments' words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Layout {
    /// Maximum number of characters per line; a longer word has its own line.
    pub max_line_width: Option<usize>,
    /// Maximum number of lines per subtitle. With `max_line_width`, subtitles may span segments.
    pub max_line_count: Option<usize>,
    /// Maximum number of words per subtitle.
    pub max_words_per_line: Option<usize>,
    /// Whether each word is underlined while it is spoken.
    pub highlight_words: bool,
}

/// A longer pause than this, in seconds, ends a subtitle that may span segments.
const LONG_PAUSE: f64 = 3.0;

/// Default width.
const WIDEST: usize = 1000;

/// A word in a subtitle.
pub(super) struct Placed<'a> {
    /// The word, including the space or line break before it.
    pub text: String,
    pub word: &'a Word,
}

/// Iterator over subtitles. See [`subtitles`].
struct Subtitles<'a, I> {
    /// Words, each with whether a subtitle may end before it if segments are kept apart.
    words: I,
    layout: &'a Layout,
    next: Vec<Placed<'a>>,
    /// Number of characters in the last line of `next`.
    width: usize,
    /// Number of lines of `next`.
    lines: usize,
    /// Start of the last word.
    last: f64,
}

/// Groups the words of `segments` into subtitles.
///
/// After openai-whisper's `utils.py`, `iterate_subtitles`.
pub(super) fn subtitles<'a>(segments: &'a [Segment], layout: &'a Layout) -> impl Iterator<Item = Vec<Placed<'a>>> {
    let most = layout.max_words_per_line.unwrap_or(usize::MAX).max(1);
    let words = segments.iter().filter_map(|segment| segment.words.as_ref());
    let words = words
        .flat_map(move |words| words.chunks(most))
        .flat_map(|words| words.iter().enumerate().map(|(at, word)| (at == 0, word)));
    let last = words.clone().next().map_or(0.0, |(_, word)| word.start);
    Subtitles { words, layout, next: Vec::new(), width: 0, lines: 1, last }
}

impl<'a, I: Iterator<Item = (bool, &'a Word)>> Iterator for Subtitles<'a, I> {
    type Item = Vec<Placed<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some((first, word)) = self.words.next() {
            if let Some(subtitle) = self.add(first, word) {
                return Some(subtitle);
            }
        }
        Some(std::mem::take(&mut self.next)).filter(|subtitle| !subtitle.is_empty())
    }
}

impl<'a, I> Subtitles<'a, I> {
    /// Adds a word; returns the subtitle that ends before it, if one does.
    fn add(&mut self, first: bool, word: &'a Word) -> Option<Vec<Placed<'a>>> {
        let &Layout { max_line_width, max_line_count, .. } = self.layout;
        let keep_segments = max_line_width.is_none() || max_line_count.is_none();
        let long_pause = !keep_segments && word.start - self.last > LONG_PAUSE;
        let segment_ends = keep_segments && first && !self.next.is_empty();
        let mut text = one_line(&word.word);
        let length = text.chars().count();
        let mut ended = None;
        if self.width > 0
            && self.width.saturating_add(length) <= max_line_width.unwrap_or(WIDEST)
            && !long_pause
            && !segment_ends
        {
            self.width += length;
        } else {
            text = text.trim().to_string();
            let full = max_line_count.is_some_and(|most| long_pause || self.lines >= most) && !self.next.is_empty();
            let line_before = self.width > 0;
            self.width = text.chars().count();
            if full || segment_ends {
                ended = Some(std::mem::take(&mut self.next));
                self.lines = 1;
            } else if line_before {
                self.lines += 1;
                text.insert(0, '\n');
            }
        }
        self.next.push(Placed { text, word });
        self.last = word.start;
        ended
    }
}
