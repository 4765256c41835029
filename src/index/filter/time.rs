//! Times in filters.
//!
//! - `2026-11-30`: a day; `2026-11-30T08:00`, `2026-11-30T08:00:30`: a minute or second. Local time, unless `Z` or an offset
//!   such as `+01:00` follows;
//! - `today`, `yesterday`: that day in local time;
//! - `-90s`, `-30m`, `-8h`, `-7d`, `-2w`: that long ago;
//! - `@1764489600`: Unix time in seconds.

use std::time::{SystemTime, UNIX_EPOCH};

use super::SHOWN;
use crate::support::shown::shown;

/// The time, as milliseconds since 1970 of its start and of what follows it.
pub(super) fn span(text: &str) -> Result<(i64, i64), String> {
    let lower = text.to_ascii_lowercase();
    let found = match lower.as_str() {
        "today" => local_day(0),
        "yesterday" => local_day(-1),
        _ => relative(&lower).or_else(|| unix(&lower)).or_else(|| calendar(&lower)),
    };
    found.ok_or_else(|| {
        let text = shown(text, SHOWN);
        format!("not a time: `{text}`; write 2026-11-30, 2026-11-30T08:00, today, yesterday, or -8h for 8 hours ago")
    })
}

/// `-8h`
fn relative(text: &str) -> Option<(i64, i64)> {
    let text = text.strip_prefix('-')?;
    let unit = match text.chars().last()? {
        's' => 1_000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => 86_400_000,
        'w' => 7 * 86_400_000,
        _ => return None,
    };
    let number: u32 = text[..text.len() - 1].parse().ok()?;
    let at = now_ms() - i64::from(number) * unit;
    Some((at, at + 1))
}

/// `@1764489600`
fn unix(text: &str) -> Option<(i64, i64)> {
    let seconds: f64 = text.strip_prefix('@')?.parse().ok()?;
    let at = (seconds * 1e3).round();
    (at.abs() < 1e15).then(|| (at as i64, at as i64 + 1))
}

/// `2026-11-30T08:00:30+01:00`
fn calendar(text: &str) -> Option<(i64, i64)> {
    let (clock, offset) = offset(text)?;
    let (date, time) = clock.split_once(['t', ' ']).map_or((clock, None), |(date, time)| (date, Some(time)));
    let mut parts = date.split('-').map(digits);
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() || !(1970..=9999).contains(&year) || !(1..=12).contains(&month) {
        return None;
    }
    if day < 1 || day > days_of(year, month) {
        return None;
    }
    let (mut seconds, mut lasts) = (0, 86_400);
    if let Some(time) = time {
        let parts: Vec<i64> = time.split(':').map(digits).collect::<Option<_>>()?;
        (seconds, lasts) = match parts[..] {
            [hour, minute] if hour < 24 && minute < 60 => (hour * 3600 + minute * 60, 60),
            [hour, minute, second] if hour < 24 && minute < 60 && second < 60 => {
                (hour * 3600 + minute * 60 + second, 1)
            }
            _ => return None,
        };
    }
    let at = days_since_1970(year, month, day) * 86_400 + seconds;
    match offset {
        Some(offset) => Some(((at - offset) * 1_000, (at - offset + lasts) * 1_000)),
        None => Some((local_to_unix(at)? * 1_000, local_to_unix(at + lasts)? * 1_000)),
    }
}

/// The text before the offset from UTC, and the offset in seconds; none for local time.
fn offset(text: &str) -> Option<(&str, Option<i64>)> {
    if let Some(text) = text.strip_suffix('z') {
        return Some((text, Some(0)));
    }
    let Some(at) = text.rfind(['+', '-']).filter(|at| text[..*at].contains(['t', ' '])) else {
        return Some((text, None));
    };
    let (hours, minutes) = text[at + 1..].split_once(':')?;
    let seconds = digits(hours).filter(|it| *it < 24)? * 3600 + digits(minutes).filter(|it| *it < 60)? * 60;
    Some((&text[..at], Some(if text[at..].starts_with('-') { -seconds } else { seconds })))
}

/// A number of one to four digits.
fn digits(text: &str) -> Option<i64> {
    let plain = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1 January 1970 in the Gregorian calendar (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

/// The day that is `days` after today in local time.
fn local_day(days: i64) -> Option<(i64, i64)> {
    let mut parts = zeroed();
    let now = libc::time_t::try_from(now_ms() / 1_000).ok()?;
    // SAFETY: both pointers are to live values.
    if unsafe { libc::localtime_r(&now, &mut parts) }.is_null() {
        return None;
    }
    let (year, month) = (i64::from(parts.tm_year) + 1900, i64::from(parts.tm_mon) + 1);
    let start = (days_since_1970(year, month, i64::from(parts.tm_mday)) + days) * 86_400;
    Some((local_to_unix(start)? * 1_000, local_to_unix(start + 86_400)? * 1_000))
}

/// Unix time of a local time, which is given as if it were UTC.
fn local_to_unix(seconds: i64) -> Option<i64> {
    let mut parts = zeroed();
    // The C library accepts seconds beyond a day, but its fields are 32 bits wide.
    parts.tm_year = 70;
    parts.tm_mday = i32::try_from(seconds.div_euclid(86_400) + 1).ok()?;
    parts.tm_hour = (seconds.rem_euclid(86_400) / 3_600) as i32;
    parts.tm_min = (seconds.rem_euclid(3_600) / 60) as i32;
    parts.tm_sec = (seconds.rem_euclid(60)) as i32;
    parts.tm_isdst = -1;
    // SAFETY: the pointer is to a live value.
    let found = unsafe { libc::mktime(&mut parts) };
    #[allow(clippy::useless_conversion, reason = "`time_t` has 32 bits on some boards")]
    (found != -1).then_some(i64::from(found))
}

fn zeroed() -> libc::tm {
    // SAFETY: `tm` is plain data, for which zeros are a valid value.
    unsafe { std::mem::zeroed() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_dates_with_an_offset() {
        let day = 86_400_000;
        assert_eq!(span("1970-01-02Z").unwrap(), (day, 2 * day));
        assert_eq!(span("2026-11-30T08:00Z").unwrap(), (1_796_025_600_000, 1_796_025_660_000));
        assert_eq!(span("2026-11-30T09:30:05+01:30").unwrap(), (1_796_025_605_000, 1_796_025_606_000));
        assert_eq!(span("2026-11-30 03:00-05:00").unwrap().0, 1_796_025_600_000);
        assert_eq!(span("2024-02-29Z").unwrap().1, span("2024-03-01Z").unwrap().0);
        assert_eq!(span("@12.5").unwrap(), (12_500, 12_501));
    }

    #[test]
    fn reads_local_and_relative_times() {
        let (from, before) = span("today").unwrap();
        assert!(from <= now_ms() && now_ms() <= before);
        assert_eq!(span("yesterday").unwrap().1, from);
        let then = span("-2h").unwrap().0;
        assert!((7_200_000..7_260_000).contains(&(now_ms() - then)));
        let (from, before) = span("2026-06-15").unwrap();
        assert!((before - from - 86_400_000).abs() <= 3_600_000);
        assert!((from - span("2026-06-15Z").unwrap().0).abs() <= 14 * 3_600_000);
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "-",
            "-h",
            "-5y",
            "2026",
            "2026-1",
            "2026-02-29",
            "2026-00-01",
            "2026-11-30T",
            "2026-11-30T24:00",
            "2026-11-30T08",
            "2026-11-30T08:00:00:00",
            "2026-11-30T08:00+1",
            "26-11-30",
            "@",
            "@inf",
            "é-1-1",
            "-é",
            "2026-11-3é",
            "-99999999999999h",
        ] {
            assert!(span(text).is_err(), "{text}");
        }
    }
}
