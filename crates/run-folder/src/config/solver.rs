//! How `dtc` reconstructs the weights, in the terms of the files. The solver is in another crate.

use serde::{Deserialize, Serialize};

/// The smallest relative gap that a certificate in f64 can show.
pub const LEAST_TOLERANCE: f64 = 1e-12;

/// See the preset files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SolverConfig {
    /// The algorithm that reconstructs the rays.
    pub algorithm: Algorithm,
    /// The certified relative duality gap that every ray must reach.
    pub tolerance: f64,
    /// The maximum number of iterations of Halpern and FISTA.
    pub max_iterations: usize,
}

/// The algorithm that reconstructs the rays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// Chosen by size and device.
    Auto,
    /// Exact path following, on the host.
    Homotopy,
    /// Coordinate descent on a working set, on the host.
    Descent,
    /// Semismooth Newton augmented Lagrangian, on the host.
    Ssnal,
    /// Halpern–Douglas–Rachford, on the device.
    Halpern,
    /// FISTA, on the device.
    Fista,
}

/// How a reconstruction ended, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SolverStatus {
    /// The certified relative gap is within the tolerance.
    Converged,
    /// The iterations ran out.
    MaxIterations,
    /// The solver made no more progress.
    Stalled,
    /// Coefficients from elsewhere miss the tolerance.
    Missed,
    /// A value was not finite.
    NonFinite,
}

impl std::fmt::Display for SolverStatus {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Converged => "converged",
            Self::MaxIterations => "out of iterations",
            Self::Stalled => "stalled",
            Self::Missed => "missed",
            Self::NonFinite => "not finite",
        })
    }
}
