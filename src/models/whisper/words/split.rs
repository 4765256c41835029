//! Splits tokens into words.
//!
//! Follows openai-whisper's `tokenizer.py`: `split_to_word_tokens`.

/// Replaces bytes that are not a character, such as those of a token that ends inside one.
const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;

/// Python's `string.punctuation`. A piece that is a substring of it is a word by itself.
const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// Languages written without spaces between words: there each character is one.
const WITHOUT_SPACES: [&str; 6] = ["zh", "ja", "th", "lo", "my", "yue"];

/// A word and its number of tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordTokens {
    /// The text, including the leading space.
    pub word: String,
    /// Number of tokens, in the order of the text.
    pub count: usize,
}

/// Splits text tokens into words; every token is part of one of them. `decode` returns the text of tokens, with U+FFFD
/// for invalid bytes. In languages without spaces a word is what a reader sees as one character, otherwise it is
/// delimited by spaces and punctuation.
pub fn split_to_words(tokens: &[i64], language: &str, decode: impl Fn(&[i64]) -> String) -> Vec<WordTokens> {
    let characters = split_at_characters(tokens, decode);
    if WITHOUT_SPACES.contains(&language) {
        return characters;
    }
    let mut words: Vec<WordTokens> = Vec::new();
    for piece in characters {
        let starts = piece.word.starts_with(' ') || PUNCTUATION.contains(piece.word.trim());
        match words.last_mut().filter(|_| !starts) {
            Some(word) => {
                word.word.push_str(&piece.word);
                word.count += piece.count;
            }
            None => words.push(piece),
        }
    }
    words
}

/// Splits tokens into the shortest runs of whole characters.
fn split_at_characters(tokens: &[i64], decode: impl Fn(&[i64]) -> String) -> Vec<WordTokens> {
    let whole: Vec<char> = decode(tokens).chars().collect();
    let mut pieces: Vec<WordTokens> = Vec::new();
    let (mut first, mut characters) = (0, 0);
    for end in 1..=tokens.len() {
        let word = decode(&tokens[first..end]);
        // A U+FFFD that the whole text has at the same position too is not caused by a missing token.
        let broken = word.chars().position(|character| character == REPLACEMENT);
        let complete = broken.is_none_or(|at| whole.get(characters + at) == Some(&REPLACEMENT));
        // The rest is a piece, so that no token is lost.
        if complete || end == tokens.len() {
            characters += word.chars().count();
            pieces.push(WordTokens { word, count: end - first });
            first = end;
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Splits a text whose tokens are these byte strings.
    fn split(language: &str, parts: &[&[u8]]) -> Vec<(String, usize)> {
        let decode = |tokens: &[i64]| {
            let bytes: Vec<u8> = tokens.iter().flat_map(|&token| parts[token as usize]).copied().collect();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let tokens: Vec<i64> = (0..parts.len() as i64).collect();
        split_to_words(&tokens, language, decode).into_iter().map(|it| (it.word, it.count)).collect()
    }

    fn words(expected: &[(&str, usize)]) -> Vec<(String, usize)> {
        expected.iter().map(|&(word, count)| (word.to_string(), count)).collect()
    }

    #[test]
    fn spaces_and_punctuation_part_words() {
        let parts: &[&[u8]] = &[b" Hel", b"lo", b",", b" wor", b"ld", b"!"];
        assert_eq!(split("en", parts), words(&[(" Hello", 2), (",", 1), (" world", 2), ("!", 1)]));
    }

    #[test]
    fn characters_are_words_in_languages_without_spaces() {
        // U+4E2D in two tokens, then U+6587.
        let parts: &[&[u8]] = &[b"\xe4\xb8", b"\xad", b"\xe6\x96\x87"];
        assert_eq!(split("zh", parts), words(&[("中", 2), ("文", 1)]));
        assert_eq!(split("en", parts), words(&[("中文", 3)]));
    }

    #[test]
    fn invalid_bytes_are_a_word() {
        assert_eq!(split("zh", &[b"\xe4\xb8", b"a"]), words(&[("\u{fffd}", 1), ("a", 1)]));
        assert_eq!(split("zh", &[b"a", b"\xe4\xb8"]), words(&[("a", 1), ("\u{fffd}", 1)]));
        assert_eq!(split("zh", &[b"\xe4", b"\xb8", b"a", b"b"]).iter().map(|word| word.1).sum::<usize>(), 4);
        assert!(split("en", &[]).is_empty());
    }
}
