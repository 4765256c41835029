//! Scans all codes of a shelf for the best candidates.

use std::thread;

use super::best::{Best, Scored};
use super::codes::Codes;
use super::kernel::{QueryCode, kernel};
use crate::index::bits::Bits;

/// Codes that are compared before the best of them are kept.
const BLOCK: usize = 256;

/// A thread is not worth starting for fewer codes than this.
const SHARE: usize = 8192;

/// The positions of the `most` codes that are most similar to `query` and whose item `admits` contains, with their approximate
/// similarity, best first, and the item of each.
pub(in super::super) fn scan(
    codes: Codes,
    query: &[f32],
    admits: &Bits,
    most: usize,
    threads: usize,
) -> Vec<(Scored, u32)> {
    let query = QueryCode::new(query);
    let threads = threads.clamp(1, codes.count() / SHARE + 1);
    let share = codes.count().div_ceil(threads);
    let search = |part: usize| search(codes, part * share, share, &query, admits, most);
    let mut found = thread::scope(|scope| {
        let search = &search;
        let others: Vec<_> = (1..threads).map(|part| scope.spawn(move || search(part))).collect();
        let mut found = search(0);
        for other in others {
            match other.join() {
                Ok(more) => found.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        found
    });
    found.sort_by_key(|(scored, _)| std::cmp::Reverse(*scored));
    found.truncate(most);
    found
}

/// [`scan`] of the `share` codes from the `first`th on.
fn search(
    codes: Codes,
    first: usize,
    share: usize,
    query: &QueryCode,
    admits: &Bits,
    most: usize,
) -> Vec<(Scored, u32)> {
    let (kernel, part) = (kernel(), codes.part(first, share));
    let mut best = Best::new(most);
    let mut scores = [(0, 0.0); BLOCK];
    for block in 0..part.count().div_ceil(BLOCK) {
        let start = block * BLOCK;
        let count = kernel(query, part.part(start, BLOCK), &mut scores);
        let mut threshold = best.threshold();
        for (index, &(item, score)) in scores[..count].iter().enumerate() {
            if score > threshold && admits.contains(item) {
                best.push(Scored { score, number: (first + start + index) as u32 });
                threshold = best.threshold();
            }
        }
    }
    let item = |scored: &Scored| codes.part(scored.number as usize, 1).iter().next().map(|(item, ..)| item);
    best.into_sorted().into_iter().filter_map(|scored| Some((scored, item(&scored)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::vectors::unit;

    #[test]
    fn finds_the_nearest_with_any_number_of_threads() {
        let mut random = fastrand::Rng::with_seed(3);
        let mut vector = || unit(&(0..24).map(|_| random.f32() - 0.5).collect::<Vec<_>>()).unwrap();
        let vectors: Vec<Vec<f32>> = (0..3 * SHARE).map(|_| vector()).collect();
        let mut bytes = Vec::new();
        vectors.iter().zip(0..).for_each(|(vector, item)| Codes::encode(item, vector, &mut bytes));
        let codes = Codes::new(&bytes, 24);
        let mut admits = Bits::none(vectors.len() as u32);
        (0..vectors.len() as u32).filter(|item| item % 3 != 1).for_each(|item| admits.insert(item));
        let query = vector();
        let similarity = |item: u32| vectors[item as usize].iter().zip(&query).map(|(a, b)| a * b).sum::<f32>();
        let mut expected: Vec<u32> = (0..vectors.len() as u32).filter(|item| item % 3 != 1).collect();
        expected.sort_by(|one, other| similarity(*other).total_cmp(&similarity(*one)));
        let one = scan(codes, &query, &admits, 100, 1);
        assert_eq!(one, scan(codes, &query, &admits, 100, 3));
        let found: Vec<u32> = one.iter().map(|(_, item)| *item).collect();
        assert!(expected[..20].iter().all(|item| found.contains(item)));
        assert!(scan(Codes::new(&[], 24), &query, &admits, 5, 2).is_empty());
    }
}
