//! Sets of items or entries, by number.

/// One bit per number, from 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Bits {
    words: Vec<u64>,
}

impl Bits {
    /// No number of the first `count`.
    pub fn none(count: u32) -> Self {
        Bits { words: vec![0; count.div_ceil(64) as usize] }
    }

    /// Those of the first `count` numbers that `others` does not contain.
    pub fn without(count: u32, others: &Bits) -> Self {
        let mut words: Vec<u64> = others.words.iter().map(|word| !word).collect();
        words.resize(count.div_ceil(64) as usize, u64::MAX);
        if let Some(last) = words.last_mut().filter(|_| !count.is_multiple_of(64)) {
            *last &= (1 << (count % 64)) - 1;
        }
        Bits { words }
    }

    /// Whether it contains `number`; those beyond its size it does not.
    pub fn contains(&self, number: u32) -> bool {
        self.words.get(number as usize / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// Adds `number`, if it is within the size.
    pub fn insert(&mut self, number: u32) {
        if let Some(word) = self.words.get_mut(number as usize / 64) {
            *word |= 1 << (number % 64);
        }
    }

    /// The words from the `at`th on, at most as many as `bytes` has: 8 bytes each, little-endian.
    pub fn fill(&mut self, at: usize, bytes: &[u8]) {
        for (word, bytes) in self.words.iter_mut().skip(at).zip(bytes.chunks_exact(8)) {
            *word = bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contains_what_was_inserted() {
        let mut bits = Bits::none(130);
        for number in [0, 63, 64, 129, 500] {
            bits.insert(number);
        }
        let members: Vec<u32> = (0..600).filter(|number| bits.contains(*number)).collect();
        assert_eq!(members, [0, 63, 64, 129]);
        let others = Bits::without(130, &bits);
        assert!((0..200).all(|number| others.contains(number) == (number < 130 && !bits.contains(number))));
        assert_eq!(Bits::without(70, &Bits::none(0)).words, [u64::MAX, 63]);
        bits.fill(1, &[3, 0, 0, 0, 0, 0, 0, 0, 9]);
        assert!(bits.contains(64) && bits.contains(65) && !bits.contains(67) && bits.contains(129));
    }
}
