//! Filters: which items a search may find.
//!
//! ```text
//! filter     = all {"or" all}
//! all        = one {"and" one}
//! one        = "not" one | "(" filter ")" | comparison
//! comparison = "time" ("=" | "!=" | "<" | "<=" | ">" | ">=") TIME
//!            | "kind" ("=" | "!=") KIND
//!            | ("source" | "path" | "id") ("=" | "!=" | "~") TEXT
//! ```
//!
//! A TEXT is a word or is quoted, as `"with spaces"`; after `~` it is a pattern in which `*` stands for any characters
//! and `?` for one. See [`time`] for TIME. A time covers a span: a date is a whole day, so `time = 2026-11-30` is that
//! day, `time > 2026-11-30` after it, and `time >= 2026-11-30` from its start. Comparisons with a value that an item
//! lacks are false.

mod glob;
mod parse;
mod time;
mod tokens;

use super::error::IndexError;
use super::item::ItemKind;
use super::rows::Row;
use crate::support::shown::shown;

/// Maximum length of a word of the filter in a message.
const SHOWN: usize = 40;

/// Which items a search may find.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    expression: Expression,
}

#[derive(Debug, Clone, PartialEq)]
enum Expression {
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Not(Box<Expression>),
    /// Milliseconds, from and before.
    Time(Comparison, i64, i64),
    Kind(ItemKind),
    /// Index of a text condition.
    Text(usize, TextField, Text),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum TextField {
    Source,
    Path,
    Id,
}

#[derive(Debug, Clone, PartialEq)]
enum Text {
    Equal(String),
    Like(String),
}

impl Text {
    fn fits(&self, value: &str) -> bool {
        match self {
            Text::Equal(text) => text == value,
            Text::Like(pattern) => glob::fits(pattern, value),
        }
    }
}

/// A condition on a text of an entry, which is checked once per entry and not per item.
pub(super) struct EntryCondition<'a> {
    field: TextField,
    text: &'a Text,
}

impl EntryCondition<'_> {
    /// Whether an entry fulfils it.
    pub fn fits(&self, key: &str, path: Option<&str>) -> bool {
        match self.field {
            TextField::Id => self.text.fits(key),
            TextField::Path => path.is_some_and(|path| self.text.fits(path)),
            TextField::Source => false,
        }
    }
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// [`IndexError::Filter`] with the position of the problem.
    pub fn parse(text: &str) -> Result<Self, IndexError> {
        let wrong = |problem| IndexError::Filter { filter: shown(text, 60), problem };
        let expression = parse::parse(text).map_err(wrong)?;
        Ok(Filter { expression })
    }

    /// The conditions on texts of entries, in the order of the bits that [`Filter::fits`] asks for.
    pub(super) fn entry_conditions(&self) -> Vec<EntryCondition<'_>> {
        let mut found = Vec::new();
        collect(&self.expression, &mut |field, text| {
            if !matches!(field, TextField::Source) {
                found.push(EntryCondition { field, text });
            }
        });
        found
    }

    /// Whether an item fulfils the filter. `source` is the name of its source; `entry(n)` whether its entry fulfils the `n`th
    /// of [`Filter::entry_conditions`].
    pub(super) fn fits(&self, row: &Row, source: &str, entry: &dyn Fn(usize) -> bool) -> bool {
        fits(&self.expression, row, source, entry)
    }
}

/// Calls `visit` for each condition on a text.
fn collect<'a>(expression: &'a Expression, visit: &mut dyn FnMut(TextField, &'a Text)) {
    match expression {
        Expression::And(one, other) | Expression::Or(one, other) => {
            collect(one, visit);
            collect(other, visit);
        }
        Expression::Not(one) => collect(one, visit),
        Expression::Text(_, field, text) => visit(*field, text),
        Expression::Time(..) | Expression::Kind(_) => {}
    }
}

fn fits(expression: &Expression, row: &Row, source: &str, entry: &dyn Fn(usize) -> bool) -> bool {
    match expression {
        Expression::And(one, other) => fits(one, row, source, entry) && fits(other, row, source, entry),
        Expression::Or(one, other) => fits(one, row, source, entry) || fits(other, row, source, entry),
        Expression::Not(one) => !fits(one, row, source, entry),
        Expression::Kind(kind) => row.kind == *kind,
        Expression::Text(_, TextField::Source, text) => text.fits(source),
        Expression::Text(index, ..) => entry(*index),
        Expression::Time(comparison, from, before) => row.time.is_some_and(|time| match comparison {
            Comparison::Equal => (*from..*before).contains(&time),
            Comparison::Less => time < *from,
            Comparison::LessOrEqual => time < *before,
            Comparison::Greater => time >= *before,
            Comparison::GreaterOrEqual => time >= *from,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(kind: ItemKind, time: Option<i64>) -> Row {
        Row { time, entry: 0, words: 0, source: 0, kind }
    }

    fn admits(filter: &str, row: &Row, key: &str, path: Option<&str>) -> bool {
        let filter = Filter::parse(filter).unwrap_or_else(|error| panic!("{error}"));
        let conditions = filter.entry_conditions();
        filter.fits(row, "door", &|index| conditions[index].fits(key, path))
    }

    #[test]
    fn combines_conditions() {
        let picture = row(ItemKind::Picture, Some(1_764_460_800_000));
        for (filter, expected) in [
            ("kind = picture", true),
            ("kind != picture", false),
            ("source = door and not (path ~ *.png or id = b)", true),
            ("source ~ 'd*r' and path = \"/x/a b.jpg\"", true),
            ("path ~ *.png or id = a", true),
            ("path ~ *.png or id = c and kind = frame", false),
            ("time = 2025-11-30T00:00:00Z", true),
            ("time > 2025-11-30T00:00:00Z", false),
            ("time >= 2025-11-30T00:00Z and time < 2025-11-30T00:01Z", true),
            ("time <= 2025-11-30T01:00:00+01:00", true),
            ("TIME < -1h AND Kind = Picture", true),
        ] {
            assert_eq!(admits(filter, &picture, "a", Some("/x/a b.jpg")), expected, "{filter}");
        }
        let text = row(ItemKind::Text, None);
        assert!(!admits("time < 2030-01-01", &text, "a", None));
        assert!(!admits("path ~ *", &text, "a", None));
        assert!(admits("path != x", &text, "a", None), "`!=` is the opposite of `=`");
    }

    #[test]
    fn problems_name_their_position() {
        for (filter, expected) in [
            ("", "is empty"),
            ("colour = red", "column 1: unknown field `colour`; there are time, kind, source, path, id"),
            ("kind = bird", "column 8: unknown kind `bird`; there are picture, frame, speech, text, sound"),
            ("kind ~ pic*", "column 6: `kind` accepts =, !="),
            ("time", "ends where `=` or another comparison should follow"),
            ("time > soon", "column 8: not a time"),
            ("time > 2026-13-01", "column 8: not a time"),
            ("path ~ 'a", "column 8: a quote that does not end"),
            ("(kind = text", "ends where `)` should follow"),
            ("kind = text)", "column 12: `)` without `(`"),
            ("kind = text source = a", "column 13: `and` or `or` should precede `source`"),
            ("kind = text and", "ends where a condition should follow"),
            ("source < a", "column 8: `source` accepts =, !=, ~"),
        ] {
            let error = Filter::parse(filter).unwrap_err().to_string();
            assert!(error.contains(expected), "{filter}: {error}");
        }
        let error = Filter::parse("kind = 'a\nb'").unwrap_err().to_string();
        assert!(error.contains("unknown kind `a\\nb`") && !error.contains('\n'), "{error}");
        let deep = "(".repeat(1000) + "kind = text";
        assert!(Filter::parse(&deep).unwrap_err().to_string().contains("nested"));
        let error = Filter::parse(&"not ".repeat(5000)).unwrap_err().to_string();
        assert!(error.contains("longer than") && error.len() < 200, "{error}");
    }
}
