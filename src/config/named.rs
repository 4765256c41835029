//! List entries written as `name`, or as `name: {options}`: providers and pipeline steps.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, MapAccess, Visitor};

/// A choice in a device file, by name and with optional options.
pub(super) trait Named: Sized {
    /// Its description in messages: `pipeline step`.
    const WHAT: &'static str;
    /// All names.
    fn names() -> Vec<&'static str>;

    /// The choice with this name and default options; `None` if the name is not among [`Named::names`].
    fn plain(name: &str) -> Option<Self>;

    /// Reads its options from the next value of `map`.
    fn read_options<'de, A: MapAccess<'de>>(self, map: &mut A) -> Result<Self, A::Error>;
}

/// Reads an entry; every message lists what is accepted.
pub(super) fn deserialize<'de, T: Named, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(NameOrOptions(PhantomData))
}

struct NameOrOptions<T>(PhantomData<T>);

impl<T: Named> NameOrOptions<T> {
    fn named<E: Error>(name: &str) -> Result<T, E> {
        T::plain(name).ok_or_else(|| {
            E::custom(format!("unknown {} `{name}`, expected one of {}", T::WHAT, T::names().join(", ")))
        })
    }
}

impl<'de, T: Named> Visitor<'de> for NameOrOptions<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "a {} ({}), or one such name with its options", T::WHAT, T::names().join(", "))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<T, E> {
        Self::named(name)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let name: String = map.next_key()?.ok_or_else(|| A::Error::custom(format!("empty {}", T::WHAT)))?;
        let entry = Self::named::<A::Error>(&name)?.read_options(&mut map)?;
        match map.next_key::<String>()? {
            None => Ok(entry),
            Some(second) => Err(A::Error::custom(format!(
                "`{second}` is in the same entry as `{name}`; start each {} on a line of its own with `- `",
                T::WHAT
            ))),
        }
    }
}
