//! Who answers while a model's endpoint is away.

use crate::error::Error;
use crate::models::Models;
use crate::models::capability::Capability;

/// The model that answers in place of one that failed with `error`.
pub(super) fn fallback<'a, C: Capability + ?Sized>(
    models: &'a Models,
    named: Option<&str>,
    error: &Error,
    user: &'static str,
) -> Result<Option<&'a str>, Error> {
    match error {
        Error::Remote { away: true, .. } => models.fallback::<C>(named, user),
        _ => Ok(None),
    }
}

/// Warning that the fallback answered.
pub(super) fn answered_instead(error: &Error, fallback: &str) -> String {
    format!("{error}; `{fallback}` answered instead")
}
