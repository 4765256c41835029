//! Decodes tokens of byte-level BPE tokenizers (GPT-2, Whisper).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::token_check::{self, Tokens};
use super::vocabulary::read_tokenizer;
use crate::config::model_folder::ModelFolder;
use crate::error::Error;

/// The bytes of each token. Uses a hundredth of the memory of a [`Vocabulary`](super::Vocabulary), and suffices for
/// decoding.
pub struct TokenBytes {
    /// The bytes of all tokens, concatenated in order of their ids.
    bytes: Vec<u8>,
    /// End of each token's bytes.
    ends: Vec<u32>,
}

/// The parts of a `tokenizer.json` that are needed.
#[derive(Deserialize)]
struct TokenizerFile {
    decoder: Option<DecoderPart>,
    model: ModelPart,
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
}

#[derive(Deserialize)]
struct DecoderPart {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct ModelPart {
    vocab: BTreeMap<String, u32>,
}

#[derive(Deserialize)]
struct AddedToken {
    id: u32,
    content: String,
    special: bool,
}

impl TokenBytes {
    /// Reads `file` of a model folder, a `tokenizer.json`, after checking it against `model.yaml`.
    ///
    /// # Errors
    /// [`Error::Engine`] for a missing or damaged file, [`Error::Tokenizer`] for one that is not a byte-level tokenizer
    /// or does not belong to the folder's graphs.
    pub fn load(folder: &ModelFolder, file: &str) -> Result<Self, Error> {
        let (path, bytes) = read_tokenizer(folder, file)?;
        let read = || {
            let file: TokenizerFile = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
            token_check::check(folder, &file)?;
            Self::of_file(file)
        };
        read().map_err(|problem| Error::Tokenizer { path, problem })
    }

    #[doc(hidden)] // Not part of the API: `tests/fuzz` reads files without a model folder around them.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = fs::read(path).map_err(|error| error.to_string())?;
        Self::of_file(serde_json::from_slice(&text).map_err(|error| error.to_string())?)
    }

    fn of_file(file: TokenizerFile) -> Result<Self, String> {
        if file.decoder.is_none_or(|decoder| decoder.kind != "ByteLevel") {
            return Err("its tokens are not bytes (expected `decoder` of type ByteLevel)".to_string());
        }
        // Special tokens have no text, and stay empty.
        let mut texts: Vec<(u32, &str)> = file.model.vocab.iter().map(|(text, &id)| (id, text.as_str())).collect();
        texts.extend(file.added_tokens.iter().filter(|it| !it.special).map(|it| (it.id, it.content.as_str())));
        let specials: Vec<u32> = file.added_tokens.iter().filter(|it| it.special).map(|it| it.id).collect();
        texts.retain(|(id, _)| !specials.contains(id));
        texts.sort_unstable();
        let mut tokens = TokenBytes { bytes: Vec::new(), ends: Vec::new() };
        for (id, text) in texts {
            // A duplicate id, or one beyond any vocabulary, means that the file is damaged.
            if (id as usize) < tokens.ends.len() || id >= MOST_TOKENS {
                return Err(format!("token {id} is out of place"));
            }
            tokens.ends.resize(id as usize, tokens.bytes.len() as u32);
            match text.chars().map(byte_of).collect::<Option<Vec<u8>>>() {
                Some(bytes) => tokens.bytes.extend(bytes),
                None => tokens.bytes.extend(text.as_bytes()),
            }
            tokens.ends.push(tokens.bytes.len() as u32);
        }
        Ok(tokens)
    }

    /// The text of `ids`, including the spaces that the tokens carry. Special and unknown tokens have no text; bytes
    /// that are not valid UTF-8 become U+FFFD.
    pub fn text(&self, ids: &[i64]) -> String {
        let bytes: Vec<u8> = ids.iter().flat_map(|&id| self.bytes(id)).copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The bytes of a token; none for special and unknown ones.
    pub fn bytes(&self, id: i64) -> &[u8] {
        let Some((at, &end)) = usize::try_from(id).ok().and_then(|at| Some((at, self.ends.get(at)?))) else {
            return &[];
        };
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start as usize..end as usize]
    }
}

impl Tokens for TokenizerFile {
    fn count(&self) -> usize {
        let ids = self.model.vocab.values().chain(self.added_tokens.iter().map(|token| &token.id));
        ids.max().map_or(0, |&id| id as usize + 1)
    }

    fn has(&self, id: i64) -> bool {
        let mut ids = self.added_tokens.iter().map(|token| &token.id).chain(self.model.vocab.values());
        ids.any(|known| i64::from(*known) == id)
    }

    fn special(&self, text: &str) -> Option<i64> {
        let added = self.added_tokens.iter().find(|token| token.content == text);
        added.map(|token| i64::from(token.id))
    }
}

/// More than any byte-level vocabulary has; bounds what a damaged file can allocate.
const MOST_TOKENS: u32 = 1 << 20;

/// The byte that a character of a byte-level token represents (GPT-2, `bytes_to_unicode` in `encoder.py`): printable
/// Latin-1 characters represent themselves, U+0100 and the following the other bytes, in order.
pub(super) fn byte_of(character: char) -> Option<u8> {
    let printable = |byte: u32| matches!(byte, 0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF);
    match u32::from(character) {
        code @ 0..=0xFF => printable(code).then_some(code as u8),
        code => (0..=0xFF).filter(|&byte| !printable(byte)).nth((code - 0x100) as usize).map(|byte| byte as u8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<TokenBytes, String> {
        TokenBytes::of_file(serde_json::from_str(text).map_err(|error| error.to_string())?)
    }

    #[test]
    fn tokens_are_bytes() {
        // U+0120 is a space, U+00C3 U+00A9 the two bytes of é; token 2 is missing.
        let text = r#"{"decoder": {"type": "ByteLevel"}, "added_tokens": [
            {"id": 5, "content": "<|end|>", "special": true}, {"id": 6, "content": "<x>", "special": false}],
            "model": {"vocab": {"Ġcaf": 0, "Ã©": 1, "Ã": 3, "!": 4, "<|end|>": 5}, "merges": []}}"#;
        let tokens = read(text).unwrap();
        assert_eq!(tokens.text(&[0, 1, 4]), " café!");
        assert_eq!(tokens.text(&[0, 3]), " caf\u{FFFD}");
        assert_eq!(tokens.text(&[2, 5, 7, -1, i64::MAX]), "");
        assert_eq!(tokens.text(&[6]), "<x>");
    }

    #[test]
    fn every_byte_has_a_character() {
        let mut bytes: Vec<u8> = (0..0x144u32).filter_map(char::from_u32).filter_map(byte_of).collect();
        bytes.sort_unstable();
        assert_eq!(bytes, (0..=255).collect::<Vec<u8>>());
    }

    #[test]
    fn other_files_are_refused() {
        for text in [
            "",
            "{}",
            r#"{"decoder": {"type": "WordPiece"}, "model": {"vocab": {"a": 0}}}"#,
            r#"{"decoder": {"type": "ByteLevel"}, "model": {"vocab": {"a": 0, "b": 0}}}"#,
            r#"{"decoder": {"type": "ByteLevel"}, "model": {"vocab": {"a": 4294967295}}}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
