//! The difference of two methods, and its verdict.

use serde::{Deserialize, Serialize};

use crate::compare::measure::Measure;

/// The largest probability that a page has a false verdict on accuracies or entropies. A page has one baseline.
pub const SIGNIFICANCE: f64 = 0.05;

/// The share of it for verdicts on accuracies: their intervals hold jointly with 96 %.
pub const ACCURACY_SHARE: f64 = 0.8;

/// The share of it for verdicts on entropies.
pub const ENTROPY_SHARE: f64 = 1.0 - ACCURACY_SHARE;

/// The default margin: smaller differences of accuracies count as equal.
pub const MARGIN: f64 = 0.005;

/// The smallest number of seed pairs for a verdict.
pub const LEAST_SEEDS: usize = 3;

/// The result that the simultaneous interval of a difference gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The interval lies above 0: the method is higher than the baseline.
    Higher,
    /// The interval lies below 0: the method is lower than the baseline.
    Lower,
    /// The interval contains 0 and lies within the margin on both sides.
    Equal,
    /// The interval contains 0 and reaches beyond the margin: the seeds are too few to decide.
    Undecided,
    /// Fewer than [`LEAST_SEEDS`] seeds have both methods.
    TooFewSeeds,
}

impl Verdict {
    /// Returns the verdict of an interval. Without an interval, the difference is undecided.
    pub(crate) fn of(interval: Option<(f64, f64)>, margin: f64) -> Self {
        match interval {
            Some((low, _)) if low > 0.0 => Self::Higher,
            Some((_, high)) if high < 0.0 => Self::Lower,
            Some(interval) if is_within(interval, margin) => Self::Equal,
            _ => Self::Undecided,
        }
    }

    /// Returns whether a difference is found.
    pub fn is_found(self) -> bool {
        matches!(self, Self::Higher | Self::Lower)
    }
}

/// Returns whether all of an interval is closer to 0 than the margin.
pub(crate) fn is_within(interval: (f64, f64), margin: f64) -> bool {
    let (low, high) = interval;
    -margin < low && high < margin
}

/// A line of `differences.csv`: two methods at one width, paired by seed. Every pair has two lines, one with each
/// method as the baseline.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Difference {
    /// The measured quantity.
    pub measure: Measure,
    /// The method.
    pub method: String,
    /// The method that is subtracted.
    pub baseline: String,
    /// The clip's cycle.
    pub cycle: usize,
    /// Hidden neurons after the clip.
    pub neurons: usize,
    /// Fraction of the first hidden neurons that are gone.
    pub sparsity: f64,
    /// Number of seeds that have both methods.
    pub n: usize,
    /// Mean difference.
    pub mean: f64,
    /// Standard deviation of the differences (n − 1). It is at least the deviation from rounding to whole images:
    /// 1/(√6 N) for N images.
    pub deviation: Option<f64>,
    /// Ends of the 95 % interval of this mean difference alone.
    pub low: Option<f64>,
    /// See `low`.
    pub high: Option<f64>,
    /// p-value of the paired t-test of this difference alone.
    pub p: Option<f64>,
    /// p-value of two one-sided tests that this difference alone lies within the margin.
    pub p_equal: Option<f64>,
    /// Number of comparisons in the family: those with the baseline at all widths that are shown, right after the
    /// clip and after training. `None` if the row is in no family.
    pub family: Option<usize>,
    /// `p` times `family` divided by [`ACCURACY_SHARE`], at most 1: below 0.05 if a difference is found.
    pub p_adjusted: Option<f64>,
    /// Ends of the simultaneous interval: all intervals of a family hold jointly with 96 %.
    pub low_adjusted: Option<f64>,
    /// See `low_adjusted`.
    pub high_adjusted: Option<f64>,
    /// Smaller differences count as equal.
    pub margin: f64,
    /// Whether the simultaneous interval lies within the margin.
    pub within_margin: Option<bool>,
    /// The verdict of the simultaneous interval; `None` if the row is in no family.
    pub verdict: Option<Verdict>,
    /// The difference that this number of seeds, with this deviation, finds with a probability of 80 %.
    pub detectable: Option<f64>,
    /// Standard error of `mean` over the test images, paired by image: how much other test images would change it.
    /// `None` if predictions were not kept.
    pub image_error: Option<f64>,
}

impl Difference {
    /// Returns the simultaneous interval.
    pub fn interval(&self) -> Option<(f64, f64)> {
        self.low_adjusted.zip(self.high_adjusted)
    }

    /// Returns half the length of the simultaneous interval.
    pub fn half_width(&self) -> Option<f64> {
        self.high_adjusted.map(|high| high - self.mean)
    }

    /// Returns whether a difference is found.
    pub fn is_found(&self) -> bool {
        self.verdict.is_some_and(Verdict::is_found)
    }

    /// Returns the verdict in words.
    pub fn text(&self) -> String {
        let margin = self.margin;
        let within = self.within_margin == Some(true);
        match self.verdict {
            None => "–".into(),
            Some(Verdict::Higher) if within => format!("higher, within {margin}"),
            Some(Verdict::Lower) if within => format!("lower, within {margin}"),
            Some(Verdict::Higher) => "higher".into(),
            Some(Verdict::Lower) => "lower".into(),
            Some(Verdict::Equal) => format!("equal within {margin}"),
            Some(Verdict::Undecided) => "undecided".into(),
            Some(Verdict::TooFewSeeds) => "too few seeds".into(),
        }
    }
}
