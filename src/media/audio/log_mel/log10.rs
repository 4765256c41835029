//! The logarithm, written so that it vectorises and produces the same values on every machine.
//!
//! The method and the polynomial are those of `log10f` in Cephes (S. L. Moshier, single/log10f.c, release 2.8). The
//! error is at most 2e-7 of the result, or 2.5e-8 if that is more.

/// log10 of a positive, normal number. The result for anything else is finite, but meaningless.
#[inline]
pub(super) fn log10(value: f32) -> f32 {
    const P: [f32; 9] = [
        7.037_683_6e-2,
        -1.151_461e-1,
        1.167_699_9e-1,
        -1.242_014_1e-1,
        1.424_932_3e-1,
        -1.666_805_8e-1,
        2.000_071_5e-1,
        -2.499_999_4e-1,
        3.333_333e-1,
    ];
    /// log10(2) and log10(e), each split into a number of few bits and the rest.
    const LOG10_2: (f32, f32) = (3.007_812_5e-1, 2.487_456_6e-4);
    const LOG10_E: (f32, f32) = (4.335_937_5e-1, 7.007_319e-4);
    /// The bits of sqrt(1/2): the mantissa is taken from there to sqrt(2).
    const LEAST: u32 = std::f32::consts::FRAC_1_SQRT_2.to_bits();

    let bits = value.to_bits().wrapping_sub(LEAST);
    let exponent = (bits as i32 >> 23) as f32;
    let mantissa = f32::from_bits((bits & 0x007f_ffff).wrapping_add(LEAST));
    let x = mantissa - 1.0;
    let square = x * x;
    let polynomial = P.iter().fold(0.0, |sum, coefficient| sum * x + coefficient);
    let y = polynomial * x * square - 0.5 * square;
    let sum = (x + y) * LOG10_E.1 + y * LOG10_E.0 + x * LOG10_E.0;
    sum + exponent * LOG10_2.1 + exponent * LOG10_2.0
}

#[cfg(test)]
mod tests {
    use super::log10;

    #[test]
    fn is_that_of_f64() {
        assert_eq!(log10(1e-10), -10.0);
        assert_eq!(log10(1.0), 0.0);
        let mut worst = 0.0f64;
        let mut value = 1e-10f32;
        while value < 1e10 {
            let exact = f64::from(value).log10();
            worst = worst.max((f64::from(log10(value)) - exact).abs() / exact.abs().max(0.125));
            value *= 1.000_01;
        }
        println!("largest difference, relative: {worst:e}");
        assert!(worst < 2e-7, "{worst:e}");
    }
}
