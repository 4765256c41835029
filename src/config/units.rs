//! Sizes in memory, written with a binary unit.

use std::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

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

        // `deserialize_any`, so that a bare number is told it lacks a unit rather than read as text.
        deserializer.deserialize_any(Size)
    }
}

#[cfg(test)]
mod tests {
    use super::ByteSize;

    #[test]
    fn reads_binary_units() {
        assert_eq!(ByteSize::parse("512MiB").unwrap().bytes(), 512 << 20);
        assert_eq!(ByteSize::parse("1.5 GiB").unwrap().bytes(), 3 << 29);
        assert_eq!(ByteSize::parse("4KiB").unwrap().bytes(), 4096);
    }

    #[test]
    fn refuses_what_is_not_a_size() {
        for (text, told) in [
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
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
