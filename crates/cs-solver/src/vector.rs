//! Loops over vectors that no library has, compiled for the vector units of the machine.

#![expect(clippy::inline_always, reason = "only inlined code is compiled for the vector unit")]

use pulp::Arch;

/// Values that are processed together.
const LANES: usize = 8;

/// Runs `action`, compiled for the widest vector unit of this machine. All functions that it calls must be inlined.
#[inline]
pub(crate) fn vectorised<T>(action: impl FnOnce() -> T) -> T {
    Arch::new().dispatch(action)
}

/// Returns `aᵀ b`.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    vectorised(
        #[inline(always)]
        || dot_inlined(a, b),
    )
}

/// Computes `to += factor · from`.
pub(crate) fn add_scaled(to: &mut [f64], factor: f64, from: &[f64]) {
    vectorised(
        #[inline(always)]
        || add_scaled_inlined(to, factor, from),
    );
}

/// [`dot`], for use within [`vectorised`].
#[inline(always)]
pub(crate) fn dot_inlined(a: &[f64], b: &[f64]) -> f64 {
    // The partial sums have a fixed order, so the result does not depend on the vector unit.
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (left, right) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += left[lane] * right[lane];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(l, r)| l * r).sum();
    sums.iter().sum::<f64>() + rest
}

/// [`add_scaled`], for use within [`vectorised`].
#[inline(always)]
pub(crate) fn add_scaled_inlined(to: &mut [f64], factor: f64, from: &[f64]) {
    for (target, value) in to.iter_mut().zip(from) {
        *target += factor * value;
    }
}

/// Returns the largest absolute value; NaN if there is a NaN.
pub(crate) fn max_norm(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |max: f64, value| {
        // No value is larger than NaN.
        if value.abs() > max || value.is_nan() { value.abs() } else { max }
    })
}

/// Returns `sign(v) · max(|v| − threshold, 0)`; NaN if an input is NaN.
#[inline]
pub(crate) fn soft_threshold(value: f64, threshold: f64) -> f64 {
    // `clamp` would panic if the threshold is NaN.
    if value > threshold {
        value - threshold
    } else if value < -threshold {
        value + threshold
    } else if value.abs() <= threshold {
        0.0
    } else {
        f64::NAN
    }
}

/// Returns `value · 2^exponent`, without overflow or underflow on the way.
pub(crate) fn times_power_of_two(value: f64, exponent: i32) -> f64 {
    const STEP: i32 = 1000;
    let (mut value, mut left) = (value, exponent);
    while left.abs() > STEP && value != 0.0 && value.is_finite() {
        value *= 2_f64.powi(STEP * left.signum());
        left -= STEP * left.signum();
    }
    value * 2_f64.powi(left.clamp(-STEP, STEP))
}

/// Returns log₂ of the largest absolute value, rounded towards zero; 0 for zeros.
pub(crate) fn exponent_of(values: &[f64]) -> i32 {
    let largest = max_norm(values);
    if largest == 0.0 { 0 } else { largest.log2() as i32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_dot_product_takes_every_element() {
        let values: Vec<f64> = (1..=19).map(f64::from).collect();
        assert_eq!(dot(&values, &[1.0; 19]), 190.0);
    }

    #[test]
    fn a_nan_is_not_lost_among_larger_values() {
        assert_eq!(max_norm(&[1.0, -3.0, 2.0]), 3.0);
        assert!(max_norm(&[f64::NAN]).is_nan());
        assert!(max_norm(&[1.0, f64::NAN, 2.0]).is_nan());
    }

    #[test]
    fn shrinks_towards_zero() {
        assert_eq!([3.0, -3.0, 0.5].map(|v| soft_threshold(v, 1.0)), [2.0, -2.0, 0.0]);
        assert!(soft_threshold(-0.0, 1.0).is_sign_positive());
    }

    #[test]
    fn a_threshold_that_is_no_number_gives_none() {
        for (value, threshold) in
            [(1.0, f64::NAN), (f64::NAN, 1.0), (1.0, -1.0), (f64::NAN, f64::NAN)]
        {
            let shrunk = soft_threshold(value, threshold);
            assert!(shrunk.is_nan() || threshold < 0.0, "{value} {threshold}: {shrunk}");
        }
    }

    #[test]
    fn powers_of_two_come_and_go_over_the_whole_range() {
        for exponent in [-1022, -1000, -3, 0, 7, 1000, 1023] {
            let there = times_power_of_two(1.5, exponent);
            assert_eq!(there, 1.5 * 2_f64.powi(exponent));
            assert_eq!(times_power_of_two(there, -exponent), 1.5);
        }
        assert_eq!(times_power_of_two(1.5, 1024), f64::INFINITY);
        assert_eq!(times_power_of_two(1.5, -2100), 0.0);
        assert!(times_power_of_two(f64::NAN, -2100).is_nan());
        assert_eq!(times_power_of_two(f64::MIN_POSITIVE, 2044), 2_f64.powi(1022));
        assert_eq!(
            (exponent_of(&[0.0, -5.0]), exponent_of(&[0.0]), exponent_of(&[0.3])),
            (2, 0, -1)
        );
    }
}
