//! Means, intervals and paired differences.
//!
//! Intervals are Student's, with n − 1 degrees of freedom. They are exact for normal values, and close enough for
//! the means of a few seeds. They equal SciPy's `t.interval` and `ttest_rel`.

use std::sync::OnceLock;

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// Probability that an interval covers the mean.
pub const CONFIDENCE: f64 = 0.95;

/// Mean, deviation and interval of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// Number of values.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation (n − 1); `None` for one value.
    pub deviation: Option<f64>,
    /// Ends of the 95 % interval of the mean; `None` for one value.
    pub low: Option<f64>,
    /// See `low`.
    pub high: Option<f64>,
}

impl Estimate {
    /// Returns the estimate of a sample; `None` for an empty one.
    pub fn of(values: &[f64]) -> Option<Self> {
        let n = values.len();
        if n == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let deviation = (n > 1).then(|| (squares / (n - 1) as f64).sqrt());
        let estimate = Self { n, mean, deviation: None, low: None, high: None };
        Some(deviation.map_or(estimate, |deviation| estimate.with_deviation(deviation)))
    }

    fn with_deviation(self, deviation: f64) -> Self {
        let half = quantile(self.n).map(|quantile| quantile * deviation / (self.n as f64).sqrt());
        let (low, high) = (half.map(|half| self.mean - half), half.map(|half| self.mean + half));
        Self { deviation: Some(deviation), low, high, ..self }
    }

    /// Returns the same estimate with a deviation of at least the rounding error of a difference of two values that
    /// are multiples of `resolution`. A few equal differences do not prove certainty.
    ///
    /// ```text
    /// s ≥ resolution / √6
    /// ```
    ///
    /// A value that is rounded to a multiple of `resolution` has a uniform error with variance resolution² / 12. A
    /// difference of two values has twice this variance. For accuracies on N images, the least deviation is
    /// 1 / (√6 N).
    #[must_use]
    pub fn no_finer_than(self, resolution: f64) -> Self {
        let least = resolution / 6_f64.sqrt();
        match self.deviation {
            Some(deviation) if deviation < least => self.with_deviation(least),
            _ => self,
        }
    }

    /// Returns half the length of the interval.
    pub fn half_width(&self) -> Option<f64> {
        self.high.map(|high| high - self.mean)
    }

    /// Returns the two-sided p-value of Student's test that the mean is 0; `None` for one value.
    pub fn p_of_zero(&self) -> Option<f64> {
        let deviation = self.deviation?;
        if deviation == 0.0 {
            return Some(if self.mean == 0.0 { 1.0 } else { 0.0 });
        }
        let t = self.mean / (deviation / (self.n as f64).sqrt());
        Some(2.0 * student(self.n)?.sf(t.abs()))
    }

    /// Returns the p-value of two one-sided tests that the mean lies within ±`margin`; `None` for one value.
    ///
    /// # References
    /// Schuirmann, *A comparison of the two one-sided tests procedure and the power approach*
    /// (Journal of Pharmacokinetics and Biopharmaceutics 15, 1987).
    pub fn p_of_equality(&self, margin: f64) -> Option<f64> {
        let error = self.deviation? / (self.n as f64).sqrt();
        if error == 0.0 {
            return Some(if self.mean.abs() < margin { 0.0 } else { 1.0 });
        }
        let student = student(self.n)?;
        let from_below = student.sf((self.mean + margin) / error);
        let from_above = student.cdf((self.mean - margin) / error);
        Some(from_below.max(from_above))
    }
}

/// Returns the value that |t| of the mean of `n` values exceeds with probability `significance` if the true mean is
/// 0. Returns `None` for fewer than two values.
pub(crate) fn critical(n: usize, significance: f64) -> Option<f64> {
    Some(student(n)?.inverse_cdf(1.0 - significance / 2.0))
}

/// Returns the binomial standard error of a fraction of `count` images; `None` if there is no image.
pub(crate) fn binomial_error(fraction: f64, count: usize) -> Option<f64> {
    (count > 0).then(|| (fraction * (1.0 - fraction)).max(0.0).sqrt() / (count as f64).sqrt())
}

/// Returns Wilson's 95 % interval of the probability of an event that occurred `count` times in `of` trials; `None`
/// without a trial. Unlike the interval from [`binomial_error`], it holds for rare events and small numbers.
///
/// # References
/// Wilson, *Probable inference, the law of succession, and statistical inference* (Journal of the American
/// Statistical Association 22, 1927).
pub(crate) fn wilson(count: usize, of: usize) -> Option<(f64, f64)> {
    let z = Normal::standard().inverse_cdf(f64::midpoint(1.0, CONFIDENCE));
    let n = (of > 0).then_some(of as f64)?;
    let (p, square) = (count as f64 / n, z * z / n);
    let centre = f64::midpoint(2.0 * p, square) / (1.0 + square);
    let half = (p * (1.0 - p) * square + square * square / 4.0).max(0.0).sqrt() / (1.0 + square);
    Some(((centre - half).max(0.0), (centre + half).min(1.0)))
}

/// Returns the quantile of the 95 % interval of the mean of `n` values. Each small n is computed once, because a
/// page has thousands of intervals.
fn quantile(n: usize) -> Option<f64> {
    static KNOWN: [OnceLock<f64>; 65] = [const { OnceLock::new() }; 65];
    let student = student(n)?;
    let find = || student.inverse_cdf(f64::midpoint(1.0, CONFIDENCE));
    Some(KNOWN.get(n).map_or_else(find, |known| *known.get_or_init(find)))
}

/// Returns Student's distribution of the mean of `n` values; `None` for fewer than two values.
fn student(n: usize) -> Option<StudentsT> {
    StudentsT::new(0.0, 1.0, n.checked_sub(1)? as f64).ok()
}

/// Returns Holm's step-down adjusted p-values. If values below α count as findings, at most a fraction α of
/// families has a false finding.
///
/// # References
/// Holm, *A simple sequentially rejective multiple test procedure* (Scandinavian Journal of Statistics 6,
/// 1979).
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let mut adjusted = vec![0.0; p.len()];
    let mut largest = 0.0_f64;
    for (rank, index) in order.into_iter().enumerate() {
        largest = largest.max(((p.len() - rank) as f64 * p[index]).min(1.0));
        adjusted[index] = largest;
    }
    adjusted
}

/// Returns Pearson's correlation; `None` for fewer than two pairs, or if one side does not vary.
pub(crate) fn pearson(x: &[f64], y: &[f64]) -> Option<f64> {
    let n = x.len().min(y.len()) as f64;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / n;
    let (mean_x, mean_y) = (mean(x), mean(y));
    let moment = |a: &[f64], mean_a: f64, b: &[f64], mean_b: f64| {
        a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b)).sum::<f64>()
    };
    let r = moment(x, mean_x, y, mean_y)
        / (moment(x, mean_x, x, mean_x) * moment(y, mean_y, y, mean_y)).sqrt();
    r.is_finite().then_some(r)
}

/// Returns the partial correlation of x and y given z; `None` if x or y is a linear function of z up to rounding.
pub(crate) fn partial(x: &[f64], y: &[f64], z: &[f64]) -> Option<f64> {
    const LEAST: f64 = 1e-9;
    let (xy, xz, yz) = (pearson(x, y)?, pearson(x, z)?, pearson(y, z)?);
    let (left_x, left_y) = (1.0 - xz * xz, 1.0 - yz * yz);
    let r = (xy - xz * yz) / (left_x * left_y).sqrt();
    (left_x > LEAST && left_y > LEAST).then(|| r.clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, expected: f64) {
        assert!((got - expected).abs() < 1e-9 * expected.abs().max(1e-3), "{got} {expected}");
    }

    #[test]
    fn equals_scipy() {
        let values = [0.971, 0.968, 0.975, 0.97, 0.962];
        let estimate = Estimate::of(&values).unwrap();
        // scipy 1.17.1: numpy.std(ddof=1), stats.t.interval(0.95, 4, mean, stats.sem(values))
        close(estimate.mean, 0.9692000000000001);
        close(estimate.deviation.unwrap(), 0.004764451699828642);
        close(estimate.low.unwrap(), 0.9632841518531421);
        close(estimate.high.unwrap(), 0.975115848146858);
        let others = [0.969, 0.969, 0.97, 0.966, 0.961];
        let differences: Vec<f64> = values.iter().zip(others).map(|(a, b)| a - b).collect();
        // stats.ttest_rel(values, others).pvalue
        close(Estimate::of(&differences).unwrap().p_of_zero().unwrap(), 0.10839243802227387);
    }

    #[test]
    fn wilsons_interval_equals_scipy() {
        // scipy 1.17.1: stats.binomtest(count, of).proportion_ci(method="wilson")
        for (count, of, low, high) in [
            (0, 10, 0.0, 0.27753279986288926),
            (10, 10, 0.7224672001371109, 1.0),
            (3871, 4000, 0.9618107224061019, 0.9727917183963823),
        ] {
            let found = wilson(count, of).unwrap();
            assert!((found.0 - low).abs() < 1e-9 && (found.1 - high).abs() < 1e-9, "{found:?}");
        }
        assert_eq!(wilson(0, 0), None);
    }

    #[test]
    fn correlation_equals_numpy() {
        // numpy 2.3: numpy.corrcoef([1, 2, 4, 8], [2, 1, 5, 6])[0, 1]
        close(pearson(&[1.0, 2.0, 4.0, 8.0], &[2.0, 1.0, 5.0, 6.0]).unwrap(), 0.8820459824122063);
        assert_eq!(pearson(&[1.0, 1.0], &[2.0, 3.0]), None);
        assert_eq!(pearson(&[1.0], &[2.0]), None);
    }

    #[test]
    fn one_value_has_no_interval_and_none_no_estimate() {
        let one = Estimate::of(&[0.5]).unwrap();
        assert_eq!((one.mean, one.deviation, one.low, one.p_of_zero()), (0.5, None, None, None));
        assert_eq!(Estimate::of(&[]), None);
        assert!([0, 1].iter().all(|n| student(*n).is_none()) && student(2).is_some());
        assert_eq!(Estimate::of(&[0.0, 0.0]).unwrap().p_of_zero(), Some(1.0));
        let equal = Estimate::of(&[0.001, 0.001]).unwrap();
        assert_eq!(equal.p_of_zero(), Some(0.0));
        // Two seeds that differ by one of 1000 images each: t = √2 · √6 with one degree of freedom.
        let p = equal.no_finer_than(0.001).p_of_zero().unwrap();
        close(p, 1.0 - std::f64::consts::FRAC_2_PI * 12_f64.sqrt().atan());
    }

    #[test]
    fn tests_of_equality_and_simultaneous_intervals_equal_scipy() {
        // tests/statistics.py
        let differences = [0.002, -0.001, 0.005, 0.004, 0.001];
        let estimate = Estimate::of(&differences).unwrap();
        close(estimate.p_of_equality(0.005).unwrap(), 0.029324531554609973);
        close(estimate.p_of_equality(0.002).unwrap(), 0.56973514218145);
        let error = estimate.deviation.unwrap() / 5_f64.sqrt();
        for (family, high) in [(28.0, 0.010092875259118093), (90.0, 0.012908946893028201)] {
            close(estimate.mean + critical(5, 0.05 / family).unwrap() * error, high);
        }
        assert_eq!(critical(1, 0.05), None);
        let none = Estimate::of(&[0.004; 5]).unwrap();
        assert_eq!((none.p_of_equality(0.005), none.p_of_equality(0.003)), (Some(0.0), Some(1.0)));
        assert_eq!(Estimate::of(&[0.1]).unwrap().p_of_equality(1.0), None);
        assert_eq!((binomial_error(0.5, 0), binomial_error(0.9, 100)), (None, Some(0.03)));
    }

    #[test]
    fn a_partial_correlation_is_that_of_what_z_leaves() {
        // tests/statistics.py: the correlation of the residuals of x and y on z.
        let (x, y) = ([5.0, 4.0, 3.5, 2.0, 2.5], [0.9, 0.8, 0.85, 0.5, 0.7]);
        let z = [5.0, 4.5, 4.0, 3.0, 2.0];
        close(partial(&x, &y, &z).unwrap(), 0.8447849336766534);
        let twice = z.map(|value| 2.0 * value + 1.0);
        assert_eq!((partial(&twice, &y, &z), partial(&x, &z, &z)), (None, None));
    }

    #[test]
    fn holm_equals_statsmodels() {
        // statsmodels 0.15.0: multipletests(p, method="holm")[1]
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005, 0.9]);
        for (got, expected) in adjusted.iter().zip([0.04, 0.09, 0.09, 0.025, 0.9]) {
            close(*got, expected);
        }
    }
}
