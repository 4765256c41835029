//! The tokens that tell the decoder what to write.

use super::{Whisper, language_names};
use crate::config::{Task, TranscribeOptions};
use crate::error::Error;

impl Whisper {
    /// `<|startoftranscript|>`, then language and task for a multilingual model, then `<|notimestamps|>` where no times
    /// are wanted (openai-whisper, `Tokenizer.sot_sequence_including_notimestamps`).
    ///
    /// # Errors
    /// [`Error::Request`] for a language the model does not know.
    pub fn prompt(&self, language: &str, task: Task, timestamps: bool) -> Result<Vec<i64>, Error> {
        let tokens = &self.spec.tokens;
        let mut prompt = vec![tokens.start_of_transcript];
        if self.spec.multilingual {
            let language = tokens.languages.get(language).ok_or_else(|| self.unknown_language(language))?;
            let task = match task {
                Task::Transcribe => tokens.transcribe,
                Task::Translate => tokens.translate,
            };
            prompt.extend([*language, task]);
        }
        if !timestamps {
            prompt.push(tokens.no_timestamps);
        }
        Ok(prompt)
    }

    /// Checks options before any sound is read. `vad` tells whether speech will be looked for.
    ///
    /// # Errors
    /// [`Error::Request`] for options out of range, a language the model does not know, a translation by an English-only
    /// model, and windows side by side that nobody cuts.
    pub fn check(&self, options: &TranscribeOptions, vad: bool) -> Result<(), Error> {
        options.check().map_err(|problem| self.cannot(problem))?;
        if options.batch_size > 1 && !vad {
            let problem = "batch_size above 1 needs `models.vad` in the device file, and `vad` not turned off: \
                           windows are cut where nobody speaks";
            return Err(self.cannot(problem.to_string()));
        }
        let language = options.language.as_deref().filter(|language| !is_auto(language));
        if self.spec.multilingual {
            return language.map_or(Ok(()), |language| self.language_code(language).map(|_| ()));
        }
        if options.task == Task::Translate {
            let problem = "an English-only model cannot translate; use a multilingual one (--model whisper-base)";
            return Err(self.cannot(problem.to_string()));
        }
        match language {
            Some(language) if language_names::code(language).unwrap_or(language) != "en" => Err(self.cannot(format!(
                "an English-only model cannot do language `{language}`; use a multilingual one (--model whisper-base)"
            ))),
            _ => Ok(()),
        }
    }

    /// The code of the language that need not be detected: the one asked for, or the only one the model knows.
    ///
    /// # Errors
    /// [`Error::Request`] for a language the model does not know.
    pub(super) fn known_language(&self, options: &TranscribeOptions) -> Result<Option<String>, Error> {
        if !self.spec.multilingual {
            return Ok(Some("en".to_string()));
        }
        options.language.as_deref().filter(|language| !is_auto(language)).map(|it| self.language_code(it)).transpose()
    }

    /// The code of a language by its code or English name, in any case.
    fn language_code(&self, language: &str) -> Result<String, Error> {
        let code = language.to_lowercase();
        let code = language_names::code(&code).unwrap_or(&code);
        match self.spec.tokens.languages.contains_key(code) {
            true => Ok(code.to_string()),
            false => Err(self.unknown_language(language)),
        }
    }

    fn unknown_language(&self, code: &str) -> Error {
        let known = self.spec.tokens.languages.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        self.cannot(format!("unknown language `{code}`; the model knows {known}, and `auto` detects"))
    }
}

/// Whether a language is to be detected.
fn is_auto(language: &str) -> bool {
    language.eq_ignore_ascii_case("auto")
}
