//! Formatting of seconds.

/// When hours are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Hours {
    Always,
    /// Only from one hour on.
    Needed,
}

/// Rounds to milliseconds, ties to even, as in Python. 0 for negative times.
pub(super) fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1000.0).round_ties_even() as u64
}

/// `HH:MM:SS.mmm` or `MM:SS.mmm`, with `point` before the milliseconds.
pub fn clock(seconds: f64, hours: Hours, point: char) -> String {
    let all = milliseconds(seconds);
    let (hour, minute, second, rest) = (all / 3_600_000, all / 60_000 % 60, all / 1000 % 60, all % 1000);
    match hours {
        Hours::Needed if hour == 0 => format!("{minute:02}:{second:02}{point}{rest:03}"),
        Hours::Always | Hours::Needed => format!("{hour:02}:{minute:02}:{second:02}{point}{rest:03}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_hours_if_requested() {
        assert_eq!(clock(3661.25, Hours::Needed, '.'), "01:01:01.250");
        assert_eq!(clock(59.9996, Hours::Needed, '.'), "01:00.000");
        assert_eq!(clock(0.0, Hours::Always, ','), "00:00:00,000");
        assert_eq!(clock(-1.0, Hours::Always, ','), "00:00:00,000");
        assert_eq!((milliseconds(0.0005), milliseconds(0.0015)), (0, 2));
    }
}
