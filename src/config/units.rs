//! Sizes in memory and durations, each written with its unit.

use std::fmt;
use std::time::Duration;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// A year.
const LONGEST_SPAN_MS: u64 = 8_760 * 3_600_000;

/// A number of bytes, written `512MiB`, `3GiB` or `1.5GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

impl ByteSize {
    /// The number of bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }

    /// Reads `NUMBER UNIT` with unit KiB, MiB or GiB; the message of the error names the accepted units.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
        let (number, unit) = (&text[..split], text[split..].trim_start());
        let wrong = || format!("`{text}` is not a size; write a number and KiB, MiB or GiB, such as 512MiB or 3GiB");
        let number: f64 = number.parse().map_err(|_| wrong())?;
        let unit = match unit {
            "KiB" => KIB,
            "MiB" => MIB,
            "GiB" => GIB,
            "" => return Err(format!("`{text}` has no unit; write KiB, MiB or GiB, such as 512MiB")),
            "KB" | "MB" | "GB" | "kB" | "K" | "M" | "G" => {
                return Err(format!("unknown unit `{unit}` in `{text}`; the units are KiB, MiB and GiB"));
            }
            _ => return Err(wrong()),
        };
        let bytes = number * unit as f64;
        if !(1.0..=(1u64 << 53) as f64).contains(&bytes) {
            return Err(format!("`{text}` is out of range; a size is at least one byte and below 8 PiB"));
        }
        Ok(ByteSize(bytes as u64))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self.0 {
            bytes if bytes >= GIB => write!(formatter, "{:.2} GiB", bytes as f64 / GIB as f64),
            bytes if bytes >= MIB => write!(formatter, "{:.1} MiB", bytes as f64 / MIB as f64),
            bytes => write!(formatter, "{:.1} KiB", bytes as f64 / KIB as f64),
        }
    }
}

impl From<u64> for ByteSize {
    fn from(bytes: u64) -> Self {
        ByteSize(bytes)
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Size;

        impl Visitor<'_> for Size {
            type Value = ByteSize;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("a size with its unit, such as 512MiB or 3GiB")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ByteSize, E> {
                ByteSize::parse(text).map_err(E::custom)
            }
        }

        // `deserialize_any`, so that a bare number is reported to lack a unit rather than read as text.
        deserializer.deserialize_any(Size)
    }
}

/// Reads a duration: an integer with `ms`, `s`, `m` or `h`.
///
/// # Errors
/// The problem, with the accepted units.
pub fn parse_span(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let split = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let wrong = || format!("`{text}` is not a duration; write a number and ms, s, m or h, such as 90s or 5m");
    let number: u64 = text[..split].parse().map_err(|_| wrong())?;
    let unit = match text[split..].trim_start() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    match number.checked_mul(unit).filter(|ms| (1..=LONGEST_SPAN_MS).contains(ms)) {
        Some(ms) => Ok(Duration::from_millis(ms)),
        None => Err(format!("`{text}` is out of range; a duration is at least 1ms and at most 8760h")),
    }
}

/// As [`parse_span`], for serde.
pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    parse_span(&String::deserialize(deserializer)?).map_err(de::Error::custom)
}

/// As [`duration`], for a value that may be missing.
pub(super) fn span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    struct Span;

    impl Visitor<'_> for Span {
        type Value = Duration;

        fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
            formatter.write_str("a duration with its unit, such as 90s or 5m")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
            parse_span(text).map_err(E::custom)
        }
    }

    deserializer.deserialize_any(Span).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_binary_units() {
        assert_eq!(ByteSize::parse("512MiB").unwrap().bytes(), 512 << 20);
        assert_eq!(ByteSize::parse("1.5 GiB").unwrap().bytes(), 3 << 29);
        assert_eq!(ByteSize::parse("4KiB").unwrap().bytes(), 4096);
    }

    #[test]
    fn refuses_what_is_not_a_size() {
        for (text, expected) in [
            ("3GB", "unknown unit `GB`"),
            ("banana", "not a size"),
            ("3", "has no unit"),
            ("-3GiB", "not a size"),
            ("0MiB", "out of range"),
            ("99999999999GiB", "out of range"),
            ("1..2GiB", "not a size"),
            ("", "not a size"),
        ] {
            let error = ByteSize::parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn a_span_has_a_unit() {
        assert_eq!(parse_span("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(parse_span(" 250 ms "), Ok(Duration::from_millis(250)));
        for text in ["", "5", "5 min", "-3s", "1.5h", "0s", "99999999h", "9".repeat(40).as_str()] {
            assert!(parse_span(text).is_err(), "{text}");
        }
    }
}
