//! What a caller can ask for.

use std::fmt;
use std::str::FromStr;

/// How the columns of a batch are solved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// Chosen by size and device; see [`crate::auto`].
    Auto,
    /// Exact path following, f64 on the host; see [`crate::homotopy`].
    Homotopy,
    /// Coordinate descent on a working set, f64 on the host; see [`crate::descent`].
    Descent,
    /// Semismooth Newton augmented Lagrangian, f64 on the host; see [`crate::ssnal`].
    Ssnal,
    /// Halpern–Douglas–Rachford: f32 on the problem's device, f64 on the host where the operator has
    /// no entries in memory; see [`crate::halpern`].
    Halpern,
    /// FISTA, f32 on the problem's device; see [`crate::fista`].
    Fista,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Auto, Self::Homotopy, Self::Descent, Self::Ssnal, Self::Halpern, Self::Fista];

    /// The name, as it is typed and printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Homotopy => "homotopy",
            Self::Descent => "descent",
            Self::Ssnal => "ssnal",
            Self::Halpern => "halpern",
            Self::Fista => "fista",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let names = Self::ALL.map(Self::name);
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
            .ok_or_else(|| format!("no algorithm is named {name}; there are {}", names.join(", ")))
    }
}

/// Knobs of a solve.
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `algorithm` | `Auto` | how | |
/// | `tolerance` | 1e-4 | certified relative gap at which a column is converged | 1e-12 to 1; 1e-5 to 1 for an algorithm in f32 without polish |
/// | `max_iterations` | 20 000 | of Halpern and FISTA; the exact methods end by themselves | at least 1 |
/// | `polish` | `true` | a column that misses the tolerance is followed to the exact solution in f64 | |
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// How the columns are solved.
    pub algorithm: Algorithm,
    /// Certified relative duality gap, `(P − D)/P`.
    pub tolerance: f64,
    /// Iterations of Halpern and FISTA at most.
    pub max_iterations: usize,
    /// Whether columns that miss the tolerance are finished on the host, in f64.
    pub polish: bool,
}

impl Settings {
    /// Smallest relative gap that a certificate in f64 can show.
    pub const LEAST_TOLERANCE: f64 = 1e-12;
}

impl Default for Settings {
    fn default() -> Self {
        Self { algorithm: Algorithm::Auto, tolerance: 1e-4, max_iterations: 20_000, polish: true }
    }
}
