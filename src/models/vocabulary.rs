//! Converts text to token ids and back.

use std::fs;
use std::path::{Path, PathBuf};

use tokenizers::{DecoderWrapper, Tokenizer};

use super::token_bytes::byte_of;
use super::token_check::{self, Tokens};
use crate::config::model_folder::ModelFolder;
use crate::engine::{self, EngineError};
use crate::error::Error;
use crate::support::guard::caught;
use crate::support::small_file::{self, SmallFileError};

/// Maximum size of a tokenizer file; one with 256,000 tokens has 35 MB.
const LARGEST: u64 = 128 << 20;

/// The text of a token.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TokenText {
    /// Bytes, which need not be whole characters.
    Bytes(Vec<u8>),
    /// The name of a special token, which has no text.
    Special(String),
    /// There is no such token.
    None,
}

/// The tokenizer of a model.
pub struct Vocabulary(Tokenizer);

impl Vocabulary {
    /// Reads `file` of a model folder, after checking it against `model.yaml`.
    ///
    /// # Errors
    /// [`Error::Engine`] for a missing or damaged file, [`Error::Tokenizer`] for one that is not a tokenizer or does
    /// not belong to the folder's graphs.
    pub fn load(folder: &ModelFolder, file: &str) -> Result<Self, Error> {
        let (path, bytes) = read_tokenizer(folder, file)?;
        let read = || {
            let vocabulary = Self::of_bytes(&bytes)?;
            token_check::check(folder, &vocabulary.0)?;
            Ok(vocabulary)
        };
        read().map_err(|problem| Error::Tokenizer { path, problem })
    }

    #[doc(hidden)] // Not part of the API: `tests/fuzz` reads files without a model folder around them.
    pub fn read(path: &Path) -> Result<Self, String> {
        Self::of_bytes(&fs::read(path).map_err(|error| error.to_string())?)
    }

    fn of_bytes(bytes: &[u8]) -> Result<Self, String> {
        let problem = |error: tokenizers::Error| one_line(&error.to_string());
        let mut tokenizer = guarded(|| Tokenizer::from_bytes(bytes)).map_err(problem)?;
        // The models check lengths; a tokenizer.json may contain limits from training.
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(problem)?;
        // A template may refer to tokens that it does not define, which shows only in use.
        guarded(|| tokenizer.encode_fast("a", true)).map_err(problem)?;
        Ok(Vocabulary(tokenizer))
    }

    /// Token ids of `text`; with `special`, inside the tokens that mark its start and end (`[CLS]` ... `[SEP]`).
    ///
    /// # Errors
    /// [`Error::Input`] for text that the tokenizer rejects.
    pub fn encode(&self, text: &str, special: bool) -> Result<Vec<i64>, Error> {
        let encoding = guarded(|| self.0.encode_fast(text, special)).map_err(|error| Error::Input {
            problem: format!("text cannot be tokenized: {}", one_line(&error.to_string())),
        })?;
        Ok(encoding.get_ids().iter().map(|&id| i64::from(id)).collect())
    }

    /// The text of `ids`, without special tokens and surrounding space.
    ///
    /// # Errors
    /// [`Error::Input`] if the tokenizer fails on them.
    pub fn decode(&self, ids: &[i64]) -> Result<String, Error> {
        Ok(self.text(ids)?.trim().to_string())
    }

    /// The text of `ids`, without special tokens.
    ///
    /// # Errors
    /// As [`Vocabulary::decode`].
    pub fn text(&self, ids: &[i64]) -> Result<String, Error> {
        let ids: Vec<u32> = ids.iter().filter_map(|&id| u32::try_from(id).ok()).collect();
        let text = guarded(|| self.0.decode(&ids, true)).map_err(|error| Error::Input {
            problem: format!("tokens cannot be decoded: {}", one_line(&error.to_string())),
        })?;
        Ok(text)
    }

    /// The texts of all special tokens.
    pub(super) fn special_texts(&self) -> Vec<String> {
        let added = self.0.get_added_tokens_decoder();
        added.values().filter(|token| token.special).map(|token| token.content.clone()).collect()
    }

    /// The text of a single token.
    pub(super) fn token_text(&self, id: i64) -> TokenText {
        let Some(piece) = self.token(id) else { return TokenText::None };
        let added = u32::try_from(id).ok().and_then(|id| self.0.get_added_tokens_decoder().get(&id).cloned());
        if let Some(added) = added {
            return match added.special {
                true => TokenText::Special(piece),
                false => TokenText::Bytes(piece.into_bytes()),
            };
        }
        if matches!(self.0.get_decoder(), Some(DecoderWrapper::ByteLevel(_))) {
            let bytes = piece.chars().map(byte_of).collect::<Option<Vec<u8>>>();
            return TokenText::Bytes(bytes.unwrap_or_else(|| piece.into_bytes()));
        }
        // SentencePiece: a byte by its number, and a bar for a space.
        let byte = piece.strip_prefix("<0x").and_then(|rest| rest.strip_suffix('>'));
        match byte.filter(|digits| digits.len() == 2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => TokenText::Bytes(vec![byte]),
            None => TokenText::Bytes(piece.replace('\u{2581}', " ").into_bytes()),
        }
    }

    /// A token as the tokenizer writes it, which for most tokens is not their text.
    pub(super) fn token(&self, id: i64) -> Option<String> {
        u32::try_from(id).ok().and_then(|id| self.0.id_to_token(id))
    }
}

/// Calls the crate, which panics on some damaged files: a decoder with a key that is not a string, a template with a token
/// that it does not define.
fn guarded<T>(call: impl FnOnce() -> tokenizers::Result<T>) -> tokenizers::Result<T> {
    // A tokenizer has no state that a panic could leave half-changed.
    caught(call).unwrap_or_else(|| Err("it is not a tokenizer that this version supports".into()))
}

/// The bytes of a model folder's tokenizer, checked against `model.yaml`, without a byte order mark.
pub(super) fn read_tokenizer(folder: &ModelFolder, file: &str) -> Result<(PathBuf, Vec<u8>), Error> {
    read_listed(folder, file, LARGEST, |path, problem| Error::Tokenizer { path, problem })
}

/// The bytes of a file of a model folder, checked against `model.yaml`, without a byte order mark. `unusable` makes the
/// error for a file that is not regular, or larger than `most`.
pub(super) fn read_listed(
    folder: &ModelFolder,
    file: &str,
    most: u64,
    unusable: impl Fn(PathBuf, String) -> Error,
) -> Result<(PathBuf, Vec<u8>), Error> {
    let path = folder.file(file);
    let mut bytes = small_file::read(&path, most).map_err(|error| match error {
        SmallFileError::Io(source) => Error::Engine(EngineError::Read { path: path.clone(), source }),
        error => unusable(path.clone(), error.to_string()),
    })?;
    engine::verify_bytes(&path, &bytes, &folder.common.files[file])?;
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    Ok((path, bytes))
}

impl Tokens for Tokenizer {
    fn count(&self) -> usize {
        self.get_vocab(true).values().max().map_or(0, |&id| id as usize + 1)
    }

    fn has(&self, id: i64) -> bool {
        u32::try_from(id).is_ok_and(|id| self.id_to_token(id).is_some())
    }

    fn special(&self, text: &str) -> Option<i64> {
        self.token_to_id(text).map(i64::from)
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
