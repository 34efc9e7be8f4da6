//! How a column ended.

use std::fmt;

/// How the solution of one column ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// The tolerance was reached (by an exact method: the path was followed to λ).
    Converged,
    /// The iterations ran out.
    MaxIterations,
    /// The objective stopped falling before the tolerance was reached.
    Stalled,
    /// A value became NaN or infinite; the answer is useless.
    NonFinite,
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Converged => "converged",
            Self::MaxIterations => "out of iterations",
            Self::Stalled => "stalled",
            Self::NonFinite => "not finite",
        })
    }
}
