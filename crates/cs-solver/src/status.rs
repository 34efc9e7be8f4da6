//! How a column ended.

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
