//! Vectors: 8-bit codes, which are scanned, and 16-bit floats, by which the best of them are ranked again.
//!
//! The scan reads one byte per number, so it is bound by memory bandwidth; the second file is only read for the few
//! hundred candidates of a query.

mod best;
mod codes;
mod exact;
mod kernel;
mod scan;

pub(super) use best::{Best, Scored};
pub(super) use codes::{Codes, stride};
pub(super) use exact::{exact_bytes, exact_size, similarity};
pub(super) use scan::scan;

use super::error::IndexError;

/// Numbers of the longest vector: with more, a product with a query could exceed 32 bits.
const LONGEST: usize = 8192;

/// The vector scaled to length 1.
///
/// # Errors
/// [`IndexError::Unusable`] for a vector that is empty, too long, zero or not finite.
pub(super) fn unit(numbers: &[f32]) -> Result<Vec<f32>, IndexError> {
    let unusable = |problem: String| Err(IndexError::Unusable { problem });
    if numbers.is_empty() || numbers.len() > LONGEST {
        return unusable(format!("a vector of {} numbers; an index accepts 1 to {LONGEST}", numbers.len()));
    }
    let length = numbers.iter().map(|number| f64::from(*number).powi(2)).sum::<f64>().sqrt();
    if !length.is_finite() || length == 0.0 {
        return unusable("a vector that is zero or not finite has no direction to compare".to_string());
    }
    Ok(numbers.iter().map(|number| (f64::from(*number) / length) as f32).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_directions_are_accepted() {
        assert_eq!(unit(&[3.0, 4.0]).unwrap(), [0.6, 0.8]);
        assert_eq!(unit(&[1e30, 0.0]).unwrap(), [1.0, 0.0]);
        for bad in [&[][..], &[0.0, 0.0], &[f32::NAN], &[f32::INFINITY, 1.0], &[1.0; LONGEST + 1]] {
            assert!(matches!(unit(bad), Err(IndexError::Unusable { .. })));
        }
    }
}
