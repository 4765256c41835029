//! Reads filters.

use super::time::span;
use super::tokens::{Kind, Token, tokens};
use super::{Comparison, Expression, SHOWN, Text, TextField};
use crate::index::item::ItemKind;
use crate::support::shown::shown;

/// Bytes of the longest filter.
const LONGEST: usize = 4096;

/// Parentheses and `not` within each other.
const DEEPEST: usize = 32;

const FIELDS: &str = "time, kind, source, path, id";

pub(super) fn parse(text: &str) -> Result<Expression, String> {
    if text.len() > LONGEST {
        return Err(format!("is longer than {LONGEST} bytes"));
    }
    let tokens = tokens(text)?;
    if tokens.is_empty() {
        return Err("is empty".to_string());
    }
    let mut parser = Parser { tokens: tokens.into_iter().peekable(), conditions: 0 };
    let expression = parser.any(0)?;
    match parser.tokens.next() {
        None => Ok(expression),
        Some(Token { column, kind: Kind::Close }) => Err(format!("column {column}: `)` without `(`")),
        Some(Token { column, kind }) => Err(format!("column {column}: `and` or `or` should precede {}", named(&kind))),
    }
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    /// Conditions on texts of entries so far.
    conditions: usize,
}

impl Parser {
    /// `a or b or ...`
    fn any(&mut self, depth: usize) -> Result<Expression, String> {
        let mut expression = self.all(depth)?;
        while self.takes("or") {
            expression = Expression::Or(Box::new(expression), Box::new(self.all(depth)?));
        }
        Ok(expression)
    }

    /// `a and b and ...`
    fn all(&mut self, depth: usize) -> Result<Expression, String> {
        let mut expression = self.one(depth)?;
        while self.takes("and") {
            expression = Expression::And(Box::new(expression), Box::new(self.one(depth)?));
        }
        Ok(expression)
    }

    fn one(&mut self, depth: usize) -> Result<Expression, String> {
        if depth > DEEPEST {
            return Err(format!("is nested more than {DEEPEST} deep"));
        }
        if self.takes("not") {
            return Ok(Expression::Not(Box::new(self.one(depth + 1)?)));
        }
        let Token { column, kind } = self.tokens.next().ok_or("ends where a condition should follow")?;
        match kind {
            Kind::Open => {
                let expression = self.any(depth + 1)?;
                match self.tokens.next() {
                    Some(Token { kind: Kind::Close, .. }) => Ok(expression),
                    Some(Token { column, kind }) => {
                        Err(format!("column {column}: `and`, `or` or `)` should precede {}", named(&kind)))
                    }
                    None => Err("ends where `)` should follow".to_string()),
                }
            }
            Kind::Word(field) => self.comparison(column, &field),
            other => Err(format!("column {column}: a condition should start with {FIELDS}, not {}", named(&other))),
        }
    }

    fn comparison(&mut self, column: usize, field: &str) -> Result<Expression, String> {
        let lower = field.to_ascii_lowercase();
        let (accepted, text): (&[&'static str], _) = match lower.as_str() {
            "time" => (&["=", "!=", "<", "<=", ">", ">="], None),
            "kind" => (&["=", "!="], None),
            "source" => (&["=", "!=", "~"], Some(TextField::Source)),
            "path" => (&["=", "!=", "~"], Some(TextField::Path)),
            "id" => (&["=", "!=", "~"], Some(TextField::Id)),
            _ => {
                let field = shown(field, SHOWN);
                return Err(format!("column {column}: unknown field `{field}`; there are {FIELDS}"));
            }
        };
        let operator = match self.tokens.next() {
            Some(Token { kind: Kind::Operator(operator), .. }) if accepted.contains(&operator) => operator,
            Some(Token { column, .. }) => {
                return Err(format!("column {column}: `{lower}` accepts {}", accepted.join(", ")));
            }
            None => return Err("ends where `=` or another comparison should follow".to_string()),
        };
        let (column, value) = match self.tokens.next() {
            Some(Token { column, kind: Kind::Word(value) | Kind::Quoted(value) }) => (column, value),
            Some(Token { column, kind }) => {
                return Err(format!("column {column}: a value should follow `{operator}`, not {}", named(&kind)));
            }
            None => return Err(format!("ends where a value should follow `{operator}`")),
        };
        let at = |problem: String| format!("column {column}: {problem}");
        let comparison = match operator {
            "<" => Comparison::Less,
            "<=" => Comparison::LessOrEqual,
            ">" => Comparison::Greater,
            ">=" => Comparison::GreaterOrEqual,
            _ => Comparison::Equal,
        };
        let expression = match text {
            Some(field) => {
                let text = if operator == "~" { Text::Like(value) } else { Text::Equal(value) };
                let index = self.conditions;
                if !matches!(field, TextField::Source) {
                    self.conditions += 1;
                }
                Expression::Text(index, field, text)
            }
            None if lower == "kind" => Expression::Kind(kind(&value).map_err(at)?),
            None => {
                let (from, before) = span(&value).map_err(at)?;
                Expression::Time(comparison, from, before)
            }
        };
        Ok(if operator == "!=" { Expression::Not(Box::new(expression)) } else { expression })
    }

    /// Whether the next token is this word; if so, it is consumed.
    fn takes(&mut self, word: &str) -> bool {
        let is = |token: &Token| matches!(&token.kind, Kind::Word(found) if found.eq_ignore_ascii_case(word));
        self.tokens.next_if(is).is_some()
    }
}

fn kind(name: &str) -> Result<ItemKind, String> {
    let known = ItemKind::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name));
    known.ok_or_else(|| {
        let known = ItemKind::ALL.map(ItemKind::name).join(", ");
        format!("unknown kind `{}`; there are {known}", shown(name, SHOWN))
    })
}

fn named(kind: &Kind) -> String {
    match kind {
        Kind::Open => "`(`".to_string(),
        Kind::Close => "`)`".to_string(),
        Kind::Operator(operator) => format!("`{operator}`"),
        Kind::Word(word) | Kind::Quoted(word) => format!("`{}`", shown(word, SHOWN)),
    }
}
