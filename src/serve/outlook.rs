//! What a source may report, known before it reports anything.

use std::collections::BTreeMap;

/// What a source may report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outlook {
    /// That something moves.
    pub motion: bool,
    /// That somebody speaks.
    pub speech: bool,
    /// Keys of the steps in its results that have a text.
    pub texts: Vec<&'static str>,
    /// Results with pictures.
    pub pictures: bool,
}

/// What the sources of a device may report, by name.
pub type Outlooks = BTreeMap<String, Outlook>;
