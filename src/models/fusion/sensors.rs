//! Sensor readings, and the normalised vector for the graph.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::model_folder::SensorSpec;

/// Readings of a record, each in its sensor's unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "sensors must be an object of numbers by name, or a list of numbers")]
pub enum SensorReadings {
    /// In the order of the model folder's `sensors`.
    Listed(Vec<f64>),
    /// By sensor name.
    Named(BTreeMap<String, f64>),
}

impl SensorReadings {
    /// The readings in the order of `sensors`, normalised: `(reading - mean) / std`.
    ///
    /// # Errors
    /// One line: an unknown or missing sensor, a wrong number of readings, or a reading that is not finite.
    pub(in crate::models) fn normalised(&self, sensors: &[SensorSpec]) -> Result<Vec<f32>, String> {
        let readings: Vec<f64> = match self {
            SensorReadings::Listed(readings) if readings.len() != sensors.len() => {
                let (given, wanted) = (readings.len(), sensors.len());
                return Err(format!("sensors: {given} numbers; the student accepts {wanted}: {}", listed(sensors)));
            }
            SensorReadings::Listed(readings) => readings.clone(),
            SensorReadings::Named(readings) => {
                if let Some(name) = readings.keys().find(|name| !sensors.iter().any(|sensor| sensor.name == **name)) {
                    return Err(format!("sensors: no sensor `{name}`; the student accepts {}", listed(sensors)));
                }
                let reading = |sensor: &SensorSpec| {
                    let missing =
                        || format!("sensors: `{}` is missing; the student accepts {}", sensor.name, listed(sensors));
                    readings.get(&sensor.name).copied().ok_or_else(missing)
                };
                sensors.iter().map(reading).collect::<Result<_, _>>()?
            }
        };
        let normalise = |(reading, sensor): (f64, &SensorSpec)| {
            let value = ((reading - f64::from(sensor.mean)) / f64::from(sensor.std)) as f32;
            let problem = || format!("sensors: {} is {reading}, which is not a valid reading", sensor.name);
            value.is_finite().then_some(value).ok_or_else(problem)
        };
        readings.into_iter().zip(sensors).map(normalise).collect()
    }
}

/// `temperature (°C), humidity (%)`.
fn listed(sensors: &[SensorSpec]) -> String {
    let one = |sensor: &SensorSpec| match sensor.unit.as_str() {
        "" => sensor.name.clone(),
        unit => format!("{} ({unit})", sensor.name),
    };
    sensors.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sensors() -> Vec<SensorSpec> {
        let sensor = |name: &str, unit: &str, mean, std| SensorSpec { name: name.into(), unit: unit.into(), mean, std };
        vec![sensor("temperature", "°C", 20.0, 5.0), sensor("count", "", 0.0, 2.0)]
    }

    fn normalised(json: &str) -> Result<Vec<f32>, String> {
        serde_json::from_str::<SensorReadings>(json).map_err(|error| error.to_string())?.normalised(&sensors())
    }

    #[test]
    fn readings_are_normalised_in_the_order_of_the_model() {
        assert_eq!(normalised("[25, 3]"), Ok(vec![1.0, 1.5]));
        assert_eq!(normalised(r#"{"count": 3, "temperature": 25}"#), Ok(vec![1.0, 1.5]));
    }

    #[test]
    fn reports_what_is_wrong() {
        for (json, expected) in [
            ("[25]", "1 numbers; the student accepts 2: temperature (°C), count"),
            (
                r#"{"count": 3, "temperature": 25, "wind": 1}"#,
                "no sensor `wind`; the student accepts temperature (°C), count",
            ),
            (r#"{"count": 3}"#, "`temperature` is missing"),
            ("[1e300, 0]", "temperature is 1"),
            (r#"{"count": "3"}"#, "must be an object of numbers by name, or a list of numbers"),
            ("[null, 1]", "must be an object of numbers by name, or a list of numbers"),
        ] {
            let problem = normalised(json).unwrap_err();
            assert!(problem.contains(expected), "{expected}: {problem}");
        }
        let not_a_number = SensorReadings::Listed(vec![f64::NAN, 0.0]).normalised(&sensors()).unwrap_err();
        assert_eq!(not_a_number, "sensors: temperature is NaN, which is not a valid reading");
    }
}
