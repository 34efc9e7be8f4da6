//! What two methods differ by, and what can be said of it.

use serde::Serialize;

use crate::Measure;

/// The probability that a page, which compares with one baseline, holds a false verdict, at most: that of its
/// accuracies and that of its entropies together.
pub const SIGNIFICANCE: f64 = 0.05;

/// The share of it that verdicts on accuracies have: their intervals hold at once with 96 %.
pub const ACCURACY_SHARE: f64 = 0.8;

/// And that verdicts on entropies have.
pub const ENTROPY_SHARE: f64 = 1.0 - ACCURACY_SHARE;

/// Accuracies that differ by less count as equal, unless another margin is asked for.
pub const MARGIN: f64 = 0.005;

/// Pairs of seeds that a verdict takes at least.
pub const LEAST_SEEDS: usize = 3;

/// What the simultaneous interval of a difference says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It lies above 0: the method is higher than the baseline.
    Higher,
    /// It lies below 0.
    Lower,
    /// It holds 0 and lies within the margin on both sides of it.
    Equal,
    /// It holds 0 and reaches beyond the margin: the seeds are too few to say.
    Undecided,
    /// Fewer than [`LEAST_SEEDS`] seeds have both.
    TooFewSeeds,
}

impl Verdict {
    /// What an interval says; without one, nothing can be told.
    pub(crate) fn of(interval: Option<(f64, f64)>, margin: f64) -> Self {
        match interval {
            Some((low, _)) if low > 0.0 => Self::Higher,
            Some((_, high)) if high < 0.0 => Self::Lower,
            Some(interval) if is_within(interval, margin) => Self::Equal,
            _ => Self::Undecided,
        }
    }

    /// Whether a difference is found.
    pub fn is_found(self) -> bool {
        matches!(self, Self::Higher | Self::Lower)
    }
}

/// Whether all of an interval is nearer to 0 than the margin.
pub(crate) fn is_within((low, high): (f64, f64), margin: f64) -> bool {
    -margin < low && high < margin
}

/// A line of `differences.csv`: two methods at one width, paired by seed. Every pair has two lines, one
/// with either as the baseline.
#[derive(Debug, Clone, Serialize)]
pub struct Difference {
    /// What is measured.
    pub measure: Measure,
    /// The method.
    pub method: String,
    /// The one that is subtracted.
    pub baseline: String,
    /// The clip's cycle.
    pub cycle: usize,
    /// Hidden neurons after it.
    pub neurons: usize,
    /// Fraction of the first hidden neurons that is gone.
    pub sparsity: f64,
    /// Seeds that have both.
    pub n: usize,
    /// Mean difference.
    pub mean: f64,
    /// Standard deviation of the differences (n − 1), at least what rounding to whole images makes: 1/(√6 N)
    /// on N images.
    pub deviation: Option<f64>,
    /// Ends of the 95 % interval of this mean difference alone.
    pub low: Option<f64>,
    /// See `low`.
    pub high: Option<f64>,
    /// p-value of the paired t-test alone.
    pub p: Option<f64>,
    /// p-value of the two one-sided tests that the difference lies within the margin, alone.
    pub p_equal: Option<f64>,
    /// Comparisons of the family that a verdict is held to: those with the baseline at all widths that are
    /// shown, right after the clip and after training. None where the row is in no family.
    pub family: Option<usize>,
    /// `p` times `family` over [`ACCURACY_SHARE`], 1 at most: below 0.05 where a difference is found.
    pub p_adjusted: Option<f64>,
    /// Ends of the simultaneous interval: all of a family hold at once with 96 %.
    pub low_adjusted: Option<f64>,
    /// See `low_adjusted`.
    pub high_adjusted: Option<f64>,
    /// Differences below it count as none.
    pub margin: f64,
    /// Whether the simultaneous interval lies within the margin.
    pub within_margin: Option<bool>,
    /// What the simultaneous interval says; none where the row is in no family.
    pub verdict: Option<Verdict>,
    /// The difference that so many seeds with this deviation find with a probability of 80 %.
    pub detectable: Option<f64>,
    /// Standard error of `mean` over the test images, paired by image: what other test images would make.
    /// None where predictions were not kept.
    pub image_error: Option<f64>,
}

impl Difference {
    /// The simultaneous interval.
    pub fn interval(&self) -> Option<(f64, f64)> {
        self.low_adjusted.zip(self.high_adjusted)
    }

    /// Half the length of the simultaneous interval.
    pub fn half_width(&self) -> Option<f64> {
        self.high_adjusted.map(|high| high - self.mean)
    }

    /// Whether a difference is found.
    pub fn is_found(&self) -> bool {
        self.verdict.is_some_and(Verdict::is_found)
    }

    /// The verdict in words.
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
