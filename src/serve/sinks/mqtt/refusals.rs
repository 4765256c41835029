//! Messages that are too large for the broker. By the protocol it can only end the connection over one of them, which would
//! then be the first message of the next connection, for ever.

use super::under_way::Load;

/// Connections in a row that ended over the same message before it is dropped.
const MOST_BREAKS: u32 = 5;

/// Finds out which messages are too large.
pub struct Refusals {
    /// The device file's limit, in bytes.
    most: usize,
    /// The largest message that this connection's broker acknowledged.
    accepted: usize,
    /// The message over which the last connections ended, how many they were, and its least size.
    suspect: Option<(Load, u32, usize)>,
    /// The size from which on messages were refused so far.
    refused: Option<usize>,
}

impl Refusals {
    /// Of a broker that takes messages of at most this many bytes.
    pub fn new(most: usize) -> Self {
        Refusals { most, accepted: 0, suspect: None, refused: None }
    }

    /// Whether a message of this size is within the device file's limit.
    pub fn allows(&self, size: usize) -> bool {
        size <= self.most
    }

    /// Whether a message that is of no use later is sent: not if one of its size was refused.
    pub fn allows_passing(&self, size: usize) -> bool {
        self.allows(size) && self.refused.is_none_or(|refused| size < refused)
    }

    /// A connection begins. Another broker may be behind it, or another configuration of the same.
    pub fn connected(&mut self) {
        self.accepted = 0;
    }

    /// The broker acknowledged a message.
    pub fn acknowledged(&mut self, load: &Load) {
        self.accepted = self.accepted.max(load.size);
        if self.suspect.as_ref().is_some_and(|(suspect, ..)| load.is_again(suspect)) {
            self.suspect = None;
        }
        self.refused = self.refused.filter(|refused| load.size < *refused);
    }

    /// The connection broke with these messages unacknowledged. Returns the one that is too large, if it is certain enough:
    /// the largest, larger than all that this connection's broker acknowledged, and under way when several connections in a
    /// row broke, or at least as large as one for which that was so.
    pub fn broke<'a>(&mut self, loads: impl Iterator<Item = &'a Load>) -> Option<Load> {
        let load = loads.filter(|load| load.size > self.accepted).max_by_key(|load| load.size)?;
        let (times, least) = match &self.suspect {
            Some((before, times, least)) if load.is_again(before) => (times + 1, load.size.min(*least)),
            _ => (1, load.size),
        };
        let known = self.refused.is_some_and(|refused| load.size >= refused);
        if times < MOST_BREAKS && !known {
            self.suspect = Some((load.clone(), times, least));
            return None;
        }
        self.suspect = None;
        self.refused = Some(self.refused.map_or(least, |refused| refused.min(least)));
        Some(load.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::under_way::What;
    use super::*;

    fn result(number: u64, hash: u64, size: usize) -> Load {
        Load { what: What::Result { number, hash }, size }
    }

    fn picture(size: usize) -> Load {
        Load { what: What::Other("image".to_string()), size }
    }

    /// After how many breaks one is found.
    fn breaks(refusals: &mut Refusals, loads: impl Fn(u64) -> Vec<Load>) -> Option<(u64, Load)> {
        (1..=20).find_map(|time| {
            refusals.connected();
            Some((time, refusals.broke(loads(time).iter())?))
        })
    }

    #[test]
    fn a_result_is_dropped_after_five_breaks_and_larger_ones_after_one() {
        let mut refusals = Refusals::new(1 << 20);
        // Its number changes with each connection.
        let found = breaks(&mut refusals, |time| vec![result(time, 7, 500), picture(100)]);
        assert_eq!(found, Some((5, result(5, 7, 500))));
        assert_eq!(breaks(&mut refusals, |_| vec![result(6, 8, 600)]), Some((1, result(6, 8, 600))));
        assert_eq!(breaks(&mut refusals, |_| vec![result(7, 9, 400)]), Some((5, result(7, 9, 400))));
        assert!(!refusals.allows_passing(400) && refusals.allows_passing(399));
        // The broker takes it now.
        refusals.acknowledged(&result(8, 10, 450));
        assert!(refusals.allows_passing(400));
    }

    #[test]
    fn of_a_picture_and_a_result_the_larger_is_dropped_whatever_its_size_by_turns() {
        let mut refusals = Refusals::new(1 << 20);
        let sizes = [900, 800, 950, 820, 870];
        let found = breaks(&mut refusals, |time| vec![result(time, 7, 300), picture(sizes[time as usize - 1])]);
        assert_eq!(found, Some((5, picture(870))));
        assert!(refusals.allows_passing(799) && !refusals.allows_passing(800), "the smallest that was refused");
    }

    #[test]
    fn a_broker_that_ends_connections_for_other_reasons_costs_nothing() {
        let mut refusals = Refusals::new(1 << 20);
        for time in 0..20 {
            refusals.connected();
            // It took something larger before.
            refusals.acknowledged(&picture(900));
            assert_eq!(refusals.broke([result(time, 7, 300)].iter()), None);
            assert_eq!(refusals.broke([].iter()), None);
        }
        for time in 0..20 {
            refusals.connected();
            assert_eq!(refusals.broke([result(time, time, 300)].iter()), None, "always another one");
        }
        for _ in 0..20 {
            refusals.connected();
            assert_eq!(refusals.broke([picture(900)].iter()), None, "acknowledged at the next connection");
            refusals.acknowledged(&picture(900));
        }
    }

    #[test]
    fn the_limit_of_the_device_file_holds() {
        let refusals = Refusals::new(1000);
        assert!(refusals.allows(1000) && !refusals.allows(1001) && !refusals.allows_passing(1001));
    }
}
