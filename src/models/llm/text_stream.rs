//! The text of an answer while it is written: pieces that will not change, up to a text that ends it.

use crate::error::Error;
use crate::models::vocabulary::Vocabulary;

/// Holds back what may be the beginning of a text that ends the answer.
pub(super) struct StopTexts<'a> {
    stops: &'a [String],
    held: String,
}

/// A piece of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// The text that is settled now.
    pub text: String,
    /// Whether one of the texts that end the answer follows.
    pub stopped: bool,
}

impl<'a> StopTexts<'a> {
    pub fn new(stops: &'a [String]) -> Self {
        StopTexts { stops, held: String::new() }
    }

    /// Adds new text; returns what is settled.
    pub fn push(&mut self, text: &str) -> Piece {
        self.held.push_str(text);
        if let Some(at) = self.stops.iter().filter_map(|stop| self.held.find(stop.as_str())).min() {
            self.held.truncate(at);
            return Piece { text: std::mem::take(&mut self.held), stopped: true };
        }
        let pending = self.stops.iter().map(|stop| overlap(&self.held, stop)).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - pending);
        Piece { text: std::mem::replace(&mut self.held, rest), stopped: false }
    }

    /// What is still held back, at the end of the answer.
    pub fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// Length of the longest end of `text` that `stop` begins with.
fn overlap(text: &str, stop: &str) -> usize {
    let most = text.len().min(stop.len().saturating_sub(1));
    (1..=most)
        .rev()
        .find(|&length| text.is_char_boundary(text.len() - length) && stop.starts_with(&text[text.len() - length..]))
        .unwrap_or(0)
}

/// The text of tokens as they come. A token may hold a part of a character, and in some vocabularies the text of a token
/// depends on its neighbours, so a piece is the difference between two texts of several tokens.
pub(super) struct TextStream<'a> {
    vocabulary: &'a Vocabulary,
    ids: Vec<i64>,
    /// Where the tokens begin that are decoded together with the next piece.
    context: usize,
    /// Where the tokens begin whose text was not returned yet.
    pending: usize,
}

impl<'a> TextStream<'a> {
    /// Tokens that may wait for the rest of a character: as many as it has bytes at most, and then some.
    const MOST_PENDING: usize = 8;

    pub fn new(vocabulary: &'a Vocabulary) -> Self {
        TextStream { vocabulary, ids: Vec::new(), context: 0, pending: 0 }
    }

    /// Adds a token; returns the text that is complete now.
    ///
    /// # Errors
    /// [`Error::Input`] if the tokenizer fails.
    pub fn push(&mut self, id: i64) -> Result<String, Error> {
        self.ids.push(id);
        let text = self.new_text()?;
        let incomplete = text.is_empty() || text.ends_with(char::REPLACEMENT_CHARACTER);
        if incomplete && self.ids.len() - self.pending < Self::MOST_PENDING {
            return Ok(String::new());
        }
        (self.context, self.pending) = (self.pending, self.ids.len());
        Ok(text)
    }

    /// The text of tokens that still waited for more.
    ///
    /// # Errors
    /// As [`TextStream::push`].
    pub fn finish(&mut self) -> Result<String, Error> {
        let text = self.new_text()?;
        self.pending = self.ids.len();
        Ok(text)
    }

    fn new_text(&self) -> Result<String, Error> {
        let before = self.vocabulary.text(&self.ids[self.context..self.pending])?;
        let after = self.vocabulary.text(&self.ids[self.context..])?;
        Ok(after.get(before.len()..).unwrap_or_default().to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn pieces(stops: &[&str], texts: &[&str]) -> (Vec<String>, bool, String) {
        let stops: Vec<String> = stops.iter().map(ToString::to_string).collect();
        let mut found = StopTexts::new(&stops);
        let mut settled = Vec::new();
        for text in texts {
            let piece = found.push(text);
            settled.push(piece.text);
            if piece.stopped {
                return (settled, true, found.finish());
            }
        }
        (settled, false, found.finish())
    }

    #[test]
    fn a_stop_text_is_found_across_pieces_and_is_not_part_of_the_answer() {
        let strings = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(pieces(&[], &["a", "b"]), (strings(&["a", "b"]), false, String::new()));
        assert_eq!(pieces(&["END"], &["one E", "N", "D two"]), (strings(&["one ", "", ""]), true, String::new()));
        assert_eq!(pieces(&["END"], &["one E", "Nd"]), (strings(&["one ", "ENd"]), false, String::new()));
        assert_eq!(pieces(&["END"], &["one EN"]), (strings(&["one "]), false, "EN".to_string()));
        assert_eq!(pieces(&["ND", "END"], &["xEND"]), (strings(&["x"]), true, String::new()));
        assert_eq!(pieces(&["é!"], &["aé", "?"]), (strings(&["a", "é?"]), false, String::new()));
    }

    #[test]
    fn characters_come_whole_and_broken_ones_come_at_last() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny/whisper.en/tokenizer.json");
        let vocabulary = Vocabulary::read(&path).unwrap();
        // Tokens 0 to 255 are bytes.
        let mut stream = TextStream::new(&vocabulary);
        let mut text = String::new();
        let mut found = Vec::new();
        for byte in "aé日b".bytes() {
            let piece = stream.push(i64::from(byte)).unwrap();
            assert!(!piece.contains(char::REPLACEMENT_CHARACTER));
            text += &piece;
            found.push(piece);
        }
        assert_eq!((text.as_str(), found[1].as_str(), found[2].as_str()), ("aé日b", "", "é"));
        let mut broken = TextStream::new(&vocabulary);
        let pieces: Vec<String> = (0..20).map(|_| broken.push(0xE6).unwrap()).collect();
        assert!(pieces.iter().any(|piece| !piece.is_empty()));
        assert_eq!((pieces.concat() + &broken.finish().unwrap()).chars().count(), 20);
    }
}
