//! The tokens that tell the decoder what to write.

use super::Whisper;
use crate::config::Task;
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

    /// Checks language and task before any sound is read.
    ///
    /// # Errors
    /// [`Error::Request`] for a language the model does not know, and for a translation by an English-only model.
    pub fn check(&self, language: Option<&str>, task: Task) -> Result<(), Error> {
        if !self.spec.multilingual {
            if task == Task::Translate {
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

    fn unknown_language(&self, code: &str) -> Error {
        let known = self.spec.tokens.languages.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        self.cannot(format!("unknown language `{code}`; the model knows {known}, and `auto` detects"))
    }
}
