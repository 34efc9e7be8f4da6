//! What two methods differ by, and whether that can be told from nothing.

use serde::Serialize;

use crate::Measure;

/// Verdicts are held to this probability of a false one among the comparisons at one width.
pub const SIGNIFICANCE: f64 = 0.05;

/// Whether two methods can be told apart at one width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The method is higher than the baseline.
    Higher,
    /// It is lower.
    Lower,
    /// The difference lies within what seeds alone make.
    NotDistinguishable,
    /// Fewer than two seeds have both.
    TooFewSeeds,
}

impl Verdict {
    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Higher => "higher",
            Self::Lower => "lower",
            Self::NotDistinguishable => "not distinguishable",
            Self::TooFewSeeds => "too few seeds",
        }
    }
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
    /// Standard deviation of the differences (n − 1), at least what rounding to whole images makes.
    pub deviation: Option<f64>,
    /// Ends of the 95 % interval of the mean difference.
    pub low: Option<f64>,
    /// See `low`.
    pub high: Option<f64>,
    /// p-value of the paired t-test.
    pub p: Option<f64>,
    /// The same after Holm's adjustment over all methods that are compared with the baseline here.
    pub p_holm: Option<f64>,
    /// What follows, at 5 %.
    pub verdict: Verdict,
}
