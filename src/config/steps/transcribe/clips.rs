//! Parts of a recording by their times.

use serde::Deserialize;

/// Starts and ends in seconds: `0,10,20,30` is from 0 to 10 s and from 20 to 30 s. If the last end is missing, the last
/// part extends to the end of the recording. An empty list is the whole recording.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(from = "Written")]
pub struct Clips(Vec<f64>);

#[derive(Deserialize)]
#[serde(untagged, expecting = "must be a list of seconds such as [0, 10, 20, 30], or a text such as \"0,10,20,30\"")]
enum Written {
    One(f64),
    List(Vec<f64>),
    Text(String),
}

impl From<Written> for Clips {
    fn from(written: Written) -> Self {
        match written {
            Written::One(start) => Clips(vec![start]),
            Written::List(times) => Clips(times),
            // The check rejects values that are not numbers.
            Written::Text(text) => text.parse().unwrap_or(Clips(vec![f64::NAN])),
        }
    }
}

impl std::str::FromStr for Clips {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let times = text.split(',').map(str::trim).filter(|time| !time.is_empty());
        let times = times.map(|time| time.parse().map_err(|_| format!("`{time}` is not a number of seconds")));
        times.collect::<Result<_, _>>().map(Clips)
    }
}

impl Clips {
    /// Whether the whole recording is requested: no times, or only the start 0.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty() || self.0 == [0.0]
    }

    /// Start and end of each part in seconds, in order; the last part may have no end.
    pub fn parts(&self) -> impl Iterator<Item = (f64, Option<f64>)> {
        self.0.chunks(2).map(|part| (part[0], part.get(1).copied()))
    }

    /// One line for each part outside a recording of `duration` seconds.
    pub fn beyond(&self, duration: f64) -> impl Iterator<Item = String> {
        self.parts().filter(move |(start, _)| *start >= duration).map(move |(start, _)| {
            format!("clip_timestamps: nothing to transcribe from {start} s on, the recording ends at {duration:.2} s")
        })
    }

    /// Checks the times.
    ///
    /// # Errors
    /// The problem, without the option's name: not a number, negative, or out of order.
    pub fn check(&self) -> Result<(), String> {
        if self.0.iter().any(|time| !(time.is_finite() && *time >= 0.0)) {
            return Err("must be seconds from 0 on, such as 0,10,20,30".to_string());
        }
        for (at, pair) in self.0.windows(2).enumerate() {
            // A part may start where the previous one ends.
            let in_order = if at % 2 == 0 { pair[0] < pair[1] } else { pair[0] <= pair[1] };
            if !in_order {
                return Err(format!("{} s is not after {} s; starts and ends must be in order", pair[1], pair[0]));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Clips;

    #[test]
    fn reads_numbers_lists_and_text() {
        let read = |text: &str| serde_yaml::from_str::<Clips>(text).unwrap();
        assert_eq!(read("5").parts().collect::<Vec<_>>(), [(5.0, None)]);
        assert_eq!(read("[0, 10.5, 20]").parts().collect::<Vec<_>>(), [(0.0, Some(10.5)), (20.0, None)]);
        assert_eq!(read("\"0, 10\""), "0,10".parse().unwrap());
        assert!(read("\"\"").is_empty());
        assert!("0,x".parse::<Clips>().is_err());
    }

    #[test]
    fn times_must_be_in_order() {
        for (text, good) in
            [("0,10,10,20", true), ("7", true), ("0,0", false), ("5,10,8,12", false), ("-1", false), ("nan", false)]
        {
            assert_eq!(text.parse::<Clips>().unwrap().check().is_ok(), good, "{text}");
        }
    }
}
