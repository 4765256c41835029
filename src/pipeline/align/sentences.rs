//! Texts to sentences.

/// The sentences of a text: its lines, divided after full stops, question and exclamation marks that white space or a closing
/// quote follows. Blank lines separate nothing else.
pub fn sentences(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines() {
        let mut sentence = String::new();
        let mut characters = line.chars().peekable();
        while let Some(character) = characters.next() {
            sentence.push(character);
            let wide = matches!(character, '。' | '！' | '？');
            if wide || matches!(character, '.' | '!' | '?' | '…') {
                while let Some(more) =
                    characters.next_if(|it| matches!(it, '.' | '!' | '?' | '"' | '\'' | '”' | '’' | ')' | '」'))
                {
                    sentence.push(more);
                }
                if wide || characters.peek().is_none_or(|it| it.is_whitespace()) {
                    found.push(std::mem::take(&mut sentence));
                }
            }
        }
        found.push(sentence);
    }
    let trimmed = found.into_iter().map(|sentence| sentence.trim().to_string());
    trimmed.filter(|sentence| sentence.chars().any(char::is_alphanumeric)).collect()
}

#[cfg(test)]
mod tests {
    use super::sentences;

    #[test]
    fn lines_and_full_stops_end_sentences() {
        let text =
            "A red circle. Then 3.5 blue squares!  \"Really?\" he asks\n\n- \nA line without a stop\n赤い鳥。青い空。";
        let expected = [
            "A red circle.",
            "Then 3.5 blue squares!",
            "\"Really?\"",
            "he asks",
            "A line without a stop",
            "赤い鳥。",
            "青い空。",
        ];
        assert_eq!(sentences(text), expected);
        assert!(sentences(" \n...\n").is_empty());
    }
}
