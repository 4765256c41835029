//! Percentiles and means of measured times.

use serde::{Deserialize, Serialize};

/// Latency of repeated runs, in milliseconds. Percentiles are nearest-rank: each is a measured time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Number of measured runs.
    pub runs: usize,
    /// The minimum.
    pub min_ms: f64,
    /// The median.
    pub p50_ms: f64,
    /// The 90th percentile.
    pub p90_ms: f64,
    /// The 99th percentile; with fewer than 100 runs this is the maximum.
    pub p99_ms: f64,
    /// The maximum.
    pub max_ms: f64,
    /// The arithmetic mean.
    pub mean_ms: f64,
}

impl Latency {
    /// The statistics of times in milliseconds; `None` if there are none.
    pub fn of(times: &[f64]) -> Option<Self> {
        let mut sorted = times.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (&min_ms, &max_ms) = (sorted.first()?, sorted.last()?);
        Some(Latency {
            runs: sorted.len(),
            min_ms,
            p50_ms: nearest_rank(&sorted, 50),
            p90_ms: nearest_rank(&sorted, 90),
            p99_ms: nearest_rank(&sorted, 99),
            max_ms,
            mean_ms: sorted.iter().sum::<f64>() / sorted.len() as f64,
        })
    }
}

/// The smallest value that is at least as large as `percent` of all values. `sorted` must not be empty.
fn nearest_rank(sorted: &[f64], percent: usize) -> f64 {
    let rank = (percent * sorted.len()).div_ceil(100).max(1);
    sorted[rank - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_rank() {
        // The example of the nearest-rank method: 15, 20, 35, 40, 50.
        let five = [35.0, 20.0, 15.0, 50.0, 40.0];
        let latency = Latency::of(&five).unwrap();
        assert_eq!((latency.min_ms, latency.p50_ms, latency.p90_ms, latency.p99_ms), (15.0, 35.0, 50.0, 50.0));
        assert_eq!((latency.max_ms, latency.mean_ms, latency.runs), (50.0, 32.0, 5));
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        let latency = Latency::of(&hundred).unwrap();
        assert_eq!((latency.p50_ms, latency.p90_ms, latency.p99_ms, latency.max_ms), (50.0, 90.0, 99.0, 100.0));
        assert_eq!(Latency::of(&[7.0]).unwrap().p50_ms, 7.0);
        assert!(Latency::of(&[]).is_none());
    }
}
