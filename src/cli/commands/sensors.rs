//! Parsing of sensor readings from the command line.

use std::path::Path;

use edgefuse::error::Error;
use edgefuse::models::fusion::SensorReadings;
use edgefuse::small_file::{self, SmallFileError};

use crate::cli::Stop;

/// Maximum size of a file with readings, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// `{"temperature": 21.5}`, `[21.5, 40]`, `21.5,40`, or the name of a file with one of them.
pub(super) fn read(given: &str) -> Result<SensorReadings, Stop> {
    if given.trim().is_empty() {
        return Err(Stop::Usage("--sensors: no readings".to_string()));
    }
    if let Some(readings) = parse(given) {
        return readings.map_err(|problem| Stop::Usage(format!("--sensors: {problem}")));
    }
    let problem = |problem: &str| Error::Input { problem: format!("{given}: {problem}") };
    let text = small_file::read_text(Path::new(given), MAX_BYTES).map_err(|error| match error {
        SmallFileError::Io(error) => {
            problem(&format!("cannot be read, and is not a list of numbers such as '21.5,40': {error}"))
        }
        error => problem(&error.to_string()),
    })?;
    match parse(&text) {
        Some(Ok(readings)) => Ok(readings),
        Some(Err(wrong)) => Err(problem(&wrong).into()),
        None => Err(problem("is neither a JSON object of numbers by name nor a list of numbers").into()),
    }
}

/// `None` if it does not have the form of readings.
fn parse(text: &str) -> Option<Result<SensorReadings, String>> {
    let text = text.trim();
    if text.starts_with(['{', '[']) {
        return Some(serde_json::from_str(text).map_err(|error| error.to_string()));
    }
    let numbers: Result<Vec<f64>, _> = text.split(',').map(|number| number.trim().parse()).collect();
    numbers.ok().map(|numbers| Ok(SensorReadings::Listed(numbers)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_and_lists() {
        let listed = Some(Ok(SensorReadings::Listed(vec![21.5, -4.0])));
        assert_eq!(parse("[21.5, -4]"), listed);
        assert_eq!(parse(" 21.5, -4 \n"), listed);
        let named = SensorReadings::Named([("t".to_string(), 2.0)].into());
        assert_eq!(parse(r#"{"t": 2}"#), Some(Ok(named)));
        assert_eq!(parse("readings.json"), None);
        assert!(parse(r#"{"t": "2"}"#).unwrap().unwrap_err().contains("must be an object of numbers"));
    }
}
