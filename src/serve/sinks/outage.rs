//! A time during which a sink does not work: reported when it begins and when it is over.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// The outage of a sink, if there is one.
pub struct Outage {
    sink: String,
    began: Option<Instant>,
    dropped: u64,
}

impl Outage {
    /// None yet.
    pub fn none(sink: &str) -> Self {
        Outage { sink: sink.to_string(), began: None, dropped: 0 }
    }

    /// The sink does not work: `why`, and `then`, what happens to results meanwhile.
    pub fn begins(&mut self, why: impl Display, then: &str) {
        if self.began.is_none() {
            self.began = Some(Instant::now());
            log::warn!("sink {}: {}; {then}", self.sink, one_line(&why.to_string()));
        }
    }

    /// Results were dropped.
    pub fn dropped(&mut self, number: u64) {
        self.dropped += number;
    }

    #[cfg(test)]
    pub fn lasts(&self) -> bool {
        self.began.is_some()
    }

    /// The sink works: `now`, what it does again; and `kept`, what became of results.
    pub fn ends(&mut self, now: &str, kept: Option<String>) {
        let dropped = std::mem::take(&mut self.dropped);
        if let Some(began) = self.began.take() {
            let dropped = (dropped > 0).then(|| format!("; {} dropped", were(dropped)));
            let more =
                format!("{}{}", kept.map(|kept| format!("; {kept}")).unwrap_or_default(), dropped.unwrap_or_default());
            log::warn!("sink {}: {now} after {}{more}", self.sink, span(began.elapsed()));
        }
    }
}

/// `1 result was`, `3,000 results were`.
pub fn were(number: u64) -> String {
    match number {
        1 => "1 result was".to_string(),
        number => format!("{} results were", grouped(number)),
    }
}

/// A number with commas between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn span(span: Duration) -> String {
    match span.as_secs() {
        0 => format!("{} ms", span.as_millis()),
        seconds => format!("{seconds} s"),
    }
}

/// What others report may contain anything.
fn one_line(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_begins_once_and_ends_once() {
        let mut outage = Outage::none("jsonl a");
        assert!(!outage.lasts());
        outage.begins("full", "results are dropped");
        let began = outage.began;
        outage.begins("full", "results are dropped");
        assert_eq!(outage.began, began);
        outage.dropped(3);
        outage.ends("writes again", None);
        assert!(!outage.lasts() && outage.dropped == 0);
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!([were(0), were(1), were(3000)], ["0 results were", "1 result was", "3,000 results were"]);
        assert_eq!([grouped(999), grouped(1_234_567)], ["999", "1,234,567"]);
        assert_eq!([span(Duration::from_millis(20)), span(Duration::from_secs(600))], ["20 ms", "600 s"]);
        assert_eq!(one_line("a\nb"), "a b");
    }
}
