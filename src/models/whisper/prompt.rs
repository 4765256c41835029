//! The tokens that tell the decoder what to write.

use super::Whisper;
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
        let language = options.language.as_deref();
        if !self.spec.multilingual {
            if options.task == Task::Translate {
                let problem = "an English-only model cannot translate; use a multilingual one (--model whisper-base)";
                return Err(self.cannot(problem.to_string()));
            }
            return match language {
                None | Some("auto" | "en") => Ok(()),
                Some(other) => Err(self.cannot(format!(
                    "an English-only model cannot do language `{other}`; use a multilingual one (--model whisper-base)"
                ))),
            };
        }
        match language {
            None | Some("auto") => Ok(()),
            Some(code) if self.spec.tokens.languages.contains_key(code) => Ok(()),
            Some(code) => Err(self.unknown_language(code)),
        }
    }

    /// The language that need not be detected.
    pub(super) fn known_language(&self, options: &TranscribeOptions) -> Option<Option<String>> {
        let given = options.language.clone().filter(|code| code != "auto");
        match self.spec.multilingual {
            true => given.map(Some),
            false => Some(Some("en".to_string())),
        }
    }

    fn unknown_language(&self, code: &str) -> Error {
        let known = self.spec.tokens.languages.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        self.cannot(format!("unknown language `{code}`; the model knows {known}, and `auto` detects"))
    }
}
