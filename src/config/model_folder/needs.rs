//! Which version of ONNX Runtime a graph needs.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

/// A version of ONNX Runtime, such as 1.22; later ones compare greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct RuntimeVersion {
    major: u32,
    minor: u32,
}

impl RuntimeVersion {
    /// `MAJOR.MINOR`
    pub fn new(major: u32, minor: u32) -> Self {
        RuntimeVersion { major, minor }
    }

    /// Parses `MAJOR.MINOR`, ignoring anything after it; `None` if the text begins differently.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.').map(str::parse);
        let (Some(Ok(major)), Some(Ok(minor))) = (parts.next(), parts.next()) else { return None };
        Some(RuntimeVersion { major, minor })
    }
}

impl TryFrom<String> for RuntimeVersion {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        RuntimeVersion::parse(&text).ok_or_else(|| format!("`{text}` is not a version in quotes, such as \"1.22\""))
    }
}

impl fmt::Display for RuntimeVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

/// The minimum version of ONNX Runtime for one precision of a graph: `"1.22"`, or by processor feature, `{avx2: "1.22",
/// default: "1.23"}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    avx2: Option<RuntimeVersion>,
    default: RuntimeVersion,
}

impl Needs {
    /// With and without AVX2, which only x86 processors have.
    pub fn on(&self, avx2: bool) -> RuntimeVersion {
        self.avx2.filter(|_| avx2).unwrap_or(self.default)
    }
}

impl<'de> Deserialize<'de> for Needs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct ByProcessor {
            avx2: Option<RuntimeVersion>,
            default: RuntimeVersion,
        }

        struct VersionOrMap;

        impl<'de> Visitor<'de> for VersionOrMap {
            type Value = Needs;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("a version in quotes, or {avx2: \"1.22\", default: \"1.23\"}")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Needs, E> {
                let default = RuntimeVersion::try_from(text.to_string()).map_err(E::custom)?;
                Ok(Needs { avx2: None, default })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Needs, A::Error> {
                let ByProcessor { avx2, default } = Deserialize::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Needs { avx2, default })
            }
        }

        deserializer.deserialize_any(VersionOrMap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_version_or_one_by_processor() {
        let read = |text: &str| serde_yaml::from_str::<Needs>(text);
        let version = |text| RuntimeVersion::parse(text).unwrap();
        let old = read("'1.22'").unwrap();
        assert_eq!((old.on(true), old.on(false)), (version("1.22"), version("1.22")));
        let new = read("{avx2: '1.22', default: '1.23'}").unwrap();
        assert_eq!((new.on(true), new.on(false)), (version("1.22"), version("1.23")));
        for wrong in ["1.22", "{avx2: '1.22'}", "{default: '1.22', neon: '1.23'}", "['1.22']", "new"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn versions_compare_by_number() {
        let version = |text| RuntimeVersion::parse(text).unwrap();
        assert!(version("1.9.2") < version("1.22"));
        assert_eq!(version("1.22.1"), version("1.22"));
        assert_eq!(version("1.22.1").to_string(), "1.22");
        assert!(["", "1", "1.", "1.x", "-1.2"].iter().all(|text| RuntimeVersion::parse(text).is_none()));
    }
}
