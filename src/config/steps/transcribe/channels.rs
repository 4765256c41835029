//! Channels of a recording.

use serde::Deserialize;

/// Which channels of a recording are transcribed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub enum Channels {
    /// All channels, mixed to mono.
    #[default]
    Mix,
    /// Each channel separately, for recordings with one speaker per channel.
    Split,
    /// One channel only, counted from 0.
    One(usize),
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "must be mix, split, or a channel number from 0")]
enum Written {
    Number(usize),
    Text(String),
}

impl TryFrom<Written> for Channels {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        match written {
            Written::Number(channel) => Ok(Channels::One(channel)),
            Written::Text(text) => text.parse(),
        }
    }
}

impl std::str::FromStr for Channels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "mix" => Ok(Channels::Mix),
            "split" => Ok(Channels::Split),
            "left" => Ok(Channels::One(0)),
            "right" => Ok(Channels::One(1)),
            number => number
                .parse()
                .map(Channels::One)
                .map_err(|_| format!("`{number}` is not mix, split, left, right or a channel number from 0")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Channels;

    #[test]
    fn reads_names_and_numbers() {
        let read = |text: &str| serde_yaml::from_str::<Channels>(text).map_err(|error| error.to_string());
        assert_eq!(read("mix"), Ok(Channels::Mix));
        assert_eq!(read("split"), Ok(Channels::Split));
        assert_eq!(read("1"), Ok(Channels::One(1)));
        assert_eq!(read("right"), Ok(Channels::One(1)));
        assert!(read("both").unwrap_err().contains("`both` is not mix"));
    }
}
