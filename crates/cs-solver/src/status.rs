//! The status of a column.

use std::fmt;

/// How the solution of one column ended, from best to worst.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// The certified relative gap is within the tolerance, even with the largest possible rounding error.
    Converged,
    /// The iterations ran out.
    MaxIterations,
    /// There was no more progress; or the algorithm reported convergence, but the certificate does not confirm it.
    Stalled,
    /// Given coefficients miss the tolerance.
    Missed,
    /// A value became NaN or infinite, or left the range of f32, and no polish solved the column; or the answer or
    /// its objective is too large for f64 in the caller's units.
    NonFinite,
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Converged => "converged",
            Self::MaxIterations => "out of iterations",
            Self::Stalled => "stalled",
            Self::Missed => "missed",
            Self::NonFinite => "not finite",
        })
    }
}
