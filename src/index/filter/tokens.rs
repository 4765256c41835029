//! A filter's text to tokens.

/// A token with its column, from 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub column: usize,
    pub kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Open,
    Close,
    /// `=`, `!=`, `<`, `<=`, `>`, `>=`, `~`
    Operator(&'static str),
    /// A word without quotes.
    Word(String),
    Quoted(String),
}

/// Longest first.
const OPERATORS: [&str; 7] = ["!=", "<=", ">=", "=", "<", ">", "~"];

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let column = text[..text.len() - rest.len()].chars().count() + 1;
        let Some(first) = rest.chars().next() else { return Ok(tokens) };
        let (kind, length) = if let Some(operator) = OPERATORS.iter().find(|operator| rest.starts_with(**operator)) {
            (Kind::Operator(operator), operator.len())
        } else {
            match first {
                '(' => (Kind::Open, 1),
                ')' => (Kind::Close, 1),
                '"' | '\'' => {
                    let end = rest[1..].find(first).ok_or(format!("column {column}: a quote that does not end"))?;
                    (Kind::Quoted(rest[1..1 + end].to_string()), end + 2)
                }
                _ => {
                    let end = |it: char| it.is_whitespace() || matches!(it, '(' | ')' | '=' | '<' | '>' | '!' | '~');
                    let length = rest.find(end).unwrap_or(rest.len());
                    if length == 0 {
                        return Err(format!("column {column}: unexpected `{first}`"));
                    }
                    (Kind::Word(rest[..length].to_string()), length)
                }
            }
        };
        tokens.push(Token { column, kind });
        rest = &rest[length..];
    }
}
