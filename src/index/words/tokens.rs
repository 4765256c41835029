//! Texts to words.

use std::collections::BTreeMap;

/// Characters of the longest word; the rest of a longer one is left out.
const LONGEST: usize = 40;

/// The words of a text in order: runs of letters, digits and combining marks, in lower case. In scripts that are
/// written without spaces (Chinese, Japanese, Thai, ...) every character is a word.
pub(crate) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut length = 0;
    for character in text.chars() {
        let alone = is_unspaced(character);
        if alone || !(character.is_alphanumeric() || is_mark(character)) {
            if !word.is_empty() && !is_apostrophe(character) {
                words.push(std::mem::take(&mut word));
                length = 0;
            }
            if alone {
                words.push(character.to_string());
            }
        } else if length < LONGEST {
            word.extend(character.to_lowercase());
            length += 1;
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// How often each word occurs, and the number of words.
pub(in super::super) fn counted(text: &str) -> (BTreeMap<String, u32>, u32) {
    let mut counts = BTreeMap::new();
    let mut total = 0;
    for word in words(text) {
        *counts.entry(word).or_insert(0) += 1;
        total += 1;
    }
    (counts, total)
}

/// Apostrophes within a word are dropped: "don't" is "dont".
fn is_apostrophe(character: char) -> bool {
    matches!(character, '\'' | '\u{2019}')
}

fn is_mark(character: char) -> bool {
    matches!(character, '\u{300}'..='\u{36f}' | '\u{900}'..='\u{903}' | '\u{93a}'..='\u{94f}')
}

/// Scripts without spaces between words: Thai, Lao, Burmese, Khmer, kana, Chinese characters.
fn is_unspaced(character: char) -> bool {
    matches!(
        character,
        '\u{e00}'..='\u{eff}'
            | '\u{1000}'..='\u{109f}'
            | '\u{1780}'..='\u{17ff}'
            | '\u{3041}'..='\u{30ff}'
            | '\u{3400}'..='\u{9fff}'
            | '\u{20000}'..='\u{3ffff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_lower_case_without_punctuation() {
        assert_eq!(
            words("A red Bird, don't you see? 3.5 m"),
            ["a", "red", "bird", "dont", "you", "see", "3", "5", "m"]
        );
        assert_eq!(words("Żółw ÉTÉ"), ["żółw", "été"]);
        assert_eq!(words("赤い鳥 bird"), ["赤", "い", "鳥", "bird"]);
        assert_eq!(words(" ' ' -- "), Vec::<String>::new());
        assert_eq!(words(&"x".repeat(500)), ["x".repeat(LONGEST)]);
        assert_eq!(counted("a b a"), ([("a".to_string(), 2), ("b".to_string(), 1)].into(), 3));
    }
}
