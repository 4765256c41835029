//! The part of a preliminary text that can be sent, although a sent text cannot be taken back.
//!
//! LocalAgreement-2 of Macháček, Dabre and Bojar, "Turning Whisper into Real-Time Transcription System" (2023): the words
//! that the last two hypotheses begin with.

/// The hypotheses about one stretch of speech.
#[derive(Default)]
pub struct Agreement {
    last: Vec<String>,
    sent: String,
    words: usize,
}

impl Agreement {
    /// Accepts the next hypothesis about the whole stretch. Returns the text to append to what was returned before, if
    /// there is more.
    pub fn push(&mut self, hypothesis: &str) -> Option<String> {
        let words: Vec<String> = hypothesis.split_whitespace().map(str::to_string).collect();
        let agreed = self.last.iter().zip(&words).take_while(|(last, word)| last == word).count();
        let consistent = agreed > self.words && words[..self.words].join(" ") == self.sent;
        let more = consistent.then(|| self.append(&words[self.words..agreed].join(" ")));
        if consistent {
            self.words = agreed;
        }
        self.last = words;
        more
    }

    /// Accepts a text whose words are final. Returns the rest of it, if it continues what was returned before.
    pub fn settle(&mut self, text: &str) -> Option<String> {
        let rest = text.strip_prefix(self.sent.as_str())?;
        // Not from within a word.
        let whole = self.sent.is_empty() || rest.starts_with(char::is_whitespace);
        (whole && !rest.trim().is_empty()).then(|| self.append(rest.trim()))
    }

    fn append(&mut self, words: &str) -> String {
        let more = if self.sent.is_empty() { words.to_string() } else { format!(" {words}") };
        self.sent += &more;
        more
    }
}

#[cfg(test)]
mod tests {
    use super::Agreement;

    #[test]
    fn what_two_hypotheses_agree_on_is_sent_once() {
        let mut agreement = Agreement::default();
        assert_eq!(agreement.push("I am"), None);
        assert_eq!(agreement.push("I am a"), Some("I am".to_string()));
        assert_eq!(agreement.push("I am the young"), None);
        assert_eq!(agreement.push("I am the young man"), Some(" the young".to_string()));
        // A hypothesis that contradicts what was sent adds nothing.
        assert_eq!(agreement.push("He is the young man too"), None);
        assert_eq!(agreement.push("He is the young man too"), None);
        assert_eq!(agreement.settle("I am the young man."), Some(" man.".to_string()));
    }

    #[test]
    fn a_final_text_that_differs_has_no_rest() {
        let mut agreement = Agreement::default();
        for _ in 0..2 {
            let _ = agreement.push("I see the");
        }
        assert_eq!(agreement.settle("I see there"), None);
        assert_eq!(Agreement::default().settle(" All of it. "), Some("All of it.".to_string()));
        assert_eq!(Agreement::default().settle(""), None);
    }
}
