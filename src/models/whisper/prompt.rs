//! The prompt tokens that select the decoder's task.

use super::{Whisper, language_names};
use crate::config::{Task, TranscribeOptions};
use crate::error::Error;

impl Whisper {
    /// `<|startoftranscript|>`, then language and task for a multilingual model, then `<|notimestamps|>` if no times
    /// are requested (openai-whisper, `Tokenizer.sot_sequence_including_notimestamps`).
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

    /// Checks options before any sound is read. `vad` is whether voice activity detection will run.
    ///
    /// # Errors
    /// [`Error::Request`] for options out of range, a language or token the model does not know, a translation by an
    /// English-only model, and a batch of windows without anything that divides the sound into windows.
    pub fn check(&self, options: &TranscribeOptions, vad: bool) -> Result<(), Error> {
        options.check().map_err(|problem| self.cannot(problem))?;
        if options.batch_size > 1 && !vad && options.clip_timestamps.is_empty() {
            let problem = "batch_size above 1 needs `models.vad` in the device file, and `vad` not turned off, or \
                           clip_timestamps: windows are cut at pauses in the speech";
            return Err(self.cannot(problem.to_string()));
        }
        let vocabulary = self.decoder.vocabulary();
        if let Some(id) =
            options.suppress_tokens.iter().find(|id| usize::try_from(**id).is_ok_and(|id| id >= vocabulary))
        {
            return Err(
                self.cannot(format!("suppress_tokens: {id} is not a token id; the model has 0 to {}", vocabulary - 1))
            );
        }
        let language = options.language.as_deref().filter(|language| !is_auto(language));
        let code = language.map(|language| self.language_code(language)).transpose()?;
        if self.spec.multilingual {
            return match options.multilingual == Some(true) && code.is_some() {
                true => Err(self.cannot("multilingual: needs `language: auto`".to_string())),
                false => Ok(()),
            };
        }
        for (asked, problem) in [
            (options.task == Task::Translate, "translate"),
            (options.multilingual == Some(true), "follow a change of language (multilingual)"),
        ] {
            if asked {
                let problem =
                    format!("an English-only model cannot {problem}; use a multilingual one (--model whisper-base)");
                return Err(self.cannot(problem));
            }
        }
        Ok(())
    }

    /// The code of a language that needs no detection: the requested one, or the only one the model knows.
    ///
    /// # Errors
    /// [`Error::Request`] for a language the model does not know.
    pub(super) fn known_language(&self, options: &TranscribeOptions) -> Result<Option<String>, Error> {
        if !self.spec.multilingual {
            return Ok(Some("en".to_string()));
        }
        options.language.as_deref().filter(|language| !is_auto(language)).map(|it| self.language_code(it)).transpose()
    }

    /// The code of a language by any of its codes and names.
    fn language_code(&self, language: &str) -> Result<String, Error> {
        let code = language_names::code(language);
        if !self.spec.multilingual {
            return match code {
                Some("en") => Ok("en".to_string()),
                Some(_) => Err(self.cannot(format!(
                    "an English-only model does not support language `{language}`; use a multilingual one (--model whisper-base)"
                ))),
                None => Err(self.unknown_language(language)),
            };
        }
        // A model may know a language that is not in the table.
        let code = code.map_or_else(|| language.to_lowercase(), str::to_string);
        match self.spec.tokens.languages.contains_key(&code) {
            true => Ok(code),
            false => Err(self.unknown_language(language)),
        }
    }

    fn unknown_language(&self, language: &str) -> Error {
        let languages = &self.spec.tokens.languages;
        let known = match self.spec.multilingual {
            true => languages.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
            false => "en".to_string(),
        };
        // Some models know more languages than others: Cantonese is one of large-v3's.
        if let Some(name) = language_names::code(language).and_then(language_names::name) {
            return self.cannot(format!("the model does not know {name} (`{language}`); it knows {known}"));
        }
        let own = |name: &&str| {
            !self.spec.multilingual || language_names::code(name).is_some_and(|code| languages.contains_key(code))
        };
        let close: Vec<&str> = language_names::suggestions(language).into_iter().filter(own).collect();
        let close = if close.is_empty() { String::new() } else { format!(" (did you mean {}?)", close.join(", ")) };
        self.cannot(format!("unknown language `{language}`{close}; the model knows {known}, and `auto` detects"))
    }
}

/// Whether the language must be detected.
pub(super) fn is_auto(language: &str) -> bool {
    language.trim().eq_ignore_ascii_case("auto")
}
