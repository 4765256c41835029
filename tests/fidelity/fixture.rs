//! Reference values: JSON beside raw little-endian f32 (tests/fixtures/README.md).

use std::fs;

use serde_json::Value;

use crate::root;

/// A fixture, `NAME.json` and `NAME.f32` in tests/fixtures.
pub struct Fixture {
    pub json: Value,
    values: Vec<f32>,
}

impl Fixture {
    pub fn open(name: &str) -> Self {
        let path = root().join("tests/fixtures").join(name);
        let read = |extension: &str| {
            let path = path.with_file_name(format!("{}.{extension}", path.file_name().unwrap().to_str().unwrap()));
            fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        let values = read("f32").chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect();
        Fixture { json: serde_json::from_slice(&read("json")).unwrap(), values }
    }

    /// An array that is stored completely: its shape, and its values in C order.
    pub fn array(&self, reference: &Value) -> (Vec<usize>, &[f32]) {
        assert_eq!(reference["stride"], 1, "only a sample is kept: {reference}");
        let number = |value: &Value| value.as_u64().unwrap() as usize;
        let offset = number(&reference["offset"]);
        let shape = reference["shape"].as_array().unwrap().iter().map(number).collect();
        (shape, &self.values[offset..offset + number(&reference["count"])])
    }

    /// The values that `reference` describes.
    pub fn values(&self, reference: &Value) -> &[f32] {
        let number = |key: &str| reference[key].as_u64().unwrap() as usize;
        &self.values[number("offset")..][..number("count")]
    }

    /// The largest difference between `found`, in C order, and the sample of it that `reference` describes.
    #[track_caller]
    pub fn largest_difference<'a>(&self, reference: &Value, found: impl IntoIterator<Item = &'a f32>) -> f32 {
        let stride = reference["stride"].as_u64().unwrap() as usize;
        let length: u64 = reference["shape"].as_array().unwrap().iter().map(|axis| axis.as_u64().unwrap()).product();
        let found: Vec<f32> = found.into_iter().copied().collect();
        assert_eq!(found.len() as u64, length, "number of values");
        let sampled = found.iter().step_by(stride);
        let expected = self.values(reference);
        assert_eq!(sampled.len(), expected.len(), "number of samples");
        // A NaN must not get lost in a maximum.
        sampled.zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, |most, d| if d <= most { most } else { d })
    }
}

/// Token ids in a fixture.
pub fn ids(value: &Value) -> Vec<i64> {
    value.as_array().unwrap().iter().map(|id| id.as_i64().unwrap()).collect()
}
