//! Who answers while a model's endpoint is away.

use crate::error::Error;
use crate::models::Models;

/// The model that answers in place of one that failed with `error`.
pub(super) fn fallback<'a>(
    models: &'a Models,
    named: Option<&str>,
    error: &Error,
    user: &'static str,
) -> Result<Option<&'a str>, Error> {
    match error {
        Error::Remote { away: true, .. } => models.fallback(named, user),
        _ => Ok(None),
    }
}

/// Warning that the fallback answered.
pub(super) fn answered_instead(error: &Error, fallback: &str) -> String {
    format!("{error}; `{fallback}` answered instead")
}
