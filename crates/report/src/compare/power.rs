//! The smallest difference that a number of seeds can find.

use statrs::function::erf::erfc;
use statrs::function::gamma::ln_gamma;

use crate::compare::statistics::critical;

/// The probability of finding a difference of the detectable size.
pub const POWER: f64 = 0.8;

/// Returns the smallest true mean of `n` values that Student's two-sided test finds with probability [`POWER`], in
/// standard errors of the mean. Returns `None` for fewer than two values.
///
/// ```text
/// P(|T| > c) = 0.8,  T noncentral t with n − 1 degrees of freedom and noncentrality δ,
///                    c the critical value at `significance`
/// ```
///
/// The difference is δ · s / √n.
pub(crate) fn detectable(n: usize, significance: f64) -> Option<f64> {
    let critical = critical(n, significance).filter(|value| value.is_finite())?;
    let test = Test::new(n, critical);
    let lacks = |noncentrality: f64| POWER - test.power(noncentrality);
    // The median of S is near 1, so the power passes one half near δ = c.
    let (mut low, mut high) = ((0.0, lacks(0.0)), (critical, lacks(critical)));
    while high.1 > 0.0 {
        low = high;
        high.0 *= 1.5;
        high.1 = lacks(high.0);
        if high.0 > 1e9 {
            return None;
        }
    }
    // Regula falsi, Illinois algorithm.
    for _ in 0..100 {
        let at = (low.0 * high.1 - high.0 * low.1) / (high.1 - low.1);
        let left = lacks(at);
        if left.abs() < 1e-12 {
            return Some(at);
        }
        if left > 0.0 {
            (low, high.1) = ((at, left), high.1 / 2.0);
        } else {
            (high, low.1) = ((at, left), low.1 / 2.0);
        }
    }
    Some(high.0)
}

/// Smaller densities, and normal probabilities further out than this number of deviations, change no digit.
const NEGLIGIBLE: f64 = 1e-18;
const FAR: f64 = 8.5;

/// Student's two-sided test of the mean of some values.
struct Test {
    critical: f64,
    /// The points of Simpson's rule: S, and its density times the weight of the point.
    points: Vec<(f64, f64)>,
}

impl Test {
    fn new(n: usize, critical: f64) -> Self {
        let freedom = (n - 1) as f64;
        let half = freedom / 2.0;
        let log_scale = std::f64::consts::LN_2 + half * half.ln() - ln_gamma(half);
        let density = |s: f64| match (s, n) {
            (0.0, 2) => log_scale.exp(),
            (0.0, _) => 0.0,
            _ => (log_scale + (freedom - 1.0) * s.ln() - half * s * s).exp(),
        };
        // S has mean about 1 and deviation 1 / √(2ν). In S, the normal probability is a step of width 1 / c.
        let reach = 9.0 / freedom.sqrt();
        let (first, last) = ((1.0 - reach).max(0.0), 1.0 + reach);
        let finest = (6.0 * critical).max(48.0 * freedom.sqrt());
        let steps = 2 * ((last - first) * finest / 2.0).ceil() as usize;
        let step = (last - first) / steps as f64;
        let point = |index: usize| {
            let s = first + index as f64 * step;
            let weight =
                if index == 0 || index == steps { 1.0 } else { 2.0 * (1 + index % 2) as f64 };
            (s, density(s) * weight * step / 3.0)
        };
        let points = (0..=steps).map(point).filter(|(_, weight)| *weight > NEGLIGIBLE);
        Self { critical, points: points.collect() }
    }

    /// Returns the probability that |T| exceeds the critical value.
    ///
    /// T is (Z + δ) / S with a standard normal Z and S² = χ²/ν. For each S this is the normal probability of
    /// Z > c S − δ or Z < −c S − δ. Simpson's rule takes the mean over S.
    fn power(&self, noncentrality: f64) -> f64 {
        let beyond = |bound: f64| match bound {
            bound if bound > FAR => 0.0,
            bound if bound < -FAR => 1.0,
            bound => 0.5 * erfc(bound * std::f64::consts::FRAC_1_SQRT_2),
        };
        let at = |(s, weight): &(f64, f64)| {
            let bound = self.critical * s;
            weight * (beyond(bound - noncentrality) + beyond(bound + noncentrality))
        };
        self.points.iter().map(at).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Number of seeds, significance, and the detectable size in standard errors.
    const GOLDEN: [(usize, f64, f64); 5] = [
        (3, 0.05 / 90.0, 53.82186014176234),
        (5, 0.05, 3.7610595538250196),
        (5, 0.05 / 28.0, 9.205094130583815),
        (20, 0.05 / 90.0, 5.096799943585007),
        (1000, 0.05, 2.804278596761923),
    ];

    #[test]
    fn equals_scipy() {
        // tests/statistics.py
        for (n, significance, expected) in GOLDEN {
            let found = detectable(n, significance).unwrap();
            assert!((found / expected - 1.0).abs() < 1e-8, "{n} {significance}: {found}");
        }
    }

    #[test]
    fn more_seeds_find_less_and_one_finds_nothing() {
        let all: Vec<f64> = [2, 3, 5, 20, 1000].map(|n| detectable(n, 0.01).unwrap()).into();
        assert!(all.is_sorted_by(|a, b| a > b), "{all:?}");
        assert_eq!((detectable(0, 0.05), detectable(1, 0.05)), (None, None));
        // With very many seeds, the value of the normal distribution: 1.96 + 0.84.
        assert!((detectable(200_000, 0.05).unwrap() - 2.801585).abs() < 1e-4);
    }
}
