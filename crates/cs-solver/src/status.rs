//! How a column ended.

use std::fmt;

/// How the solution of one column ended.
///
/// From best to worst.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// The certified relative gap is within the tolerance, with all that rounding may hide.
    Converged,
    /// The iterations ran out.
    MaxIterations,
    /// There was no progress any more, or the algorithm held itself for converged and the
    /// certificate says otherwise.
    Stalled,
    /// Coefficients that came from elsewhere miss the tolerance.
    Missed,
    /// A value became NaN or infinite, or left the range of f32, and nothing finished it; or the answer
    /// or its objective is past all numbers in the caller's units.
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
