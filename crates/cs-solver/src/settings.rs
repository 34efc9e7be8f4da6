//! The settings of a solve.

use std::fmt;
use std::str::FromStr;

/// How the columns of a batch are solved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// The algorithm is chosen by size and device; see [`crate::auto`].
    Auto,
    /// Exact path following, f64 on the host; see [`crate::homotopy`].
    Homotopy,
    /// Coordinate descent on a working set, f64 on the host; see [`crate::descent`].
    Descent,
    /// Semismooth Newton augmented Lagrangian, f64 on the host; see [`crate::ssnal`].
    Ssnal,
    /// Halpern–Douglas–Rachford: f32 on the problem's device; f64 on the host if the operator is not stored as a
    /// matrix; see [`crate::halpern`].
    Halpern,
    /// FISTA, f32 on the problem's device; see [`crate::fista`].
    Fista,
}

impl Algorithm {
    /// All algorithms.
    pub const ALL: [Self; 6] =
        [Self::Auto, Self::Homotopy, Self::Descent, Self::Ssnal, Self::Halpern, Self::Fista];

    /// Returns the name for the command line and for output.
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
            .ok_or_else(|| format!("there is no algorithm {name}; there are {}", names.join(", ")))
    }
}

/// The settings of a solve.
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `algorithm` | `Auto` | the algorithm | |
/// | `tolerance` | 1e-4 | certified relative gap to reach | 1e-12 to 1; 1e-5 to 1 in f32 without polish |
/// | `max_iterations` | 20 000 | most iterations of Halpern and FISTA; others have own limits | at least 1 |
/// | `polish` | `true` | whether a column that misses the tolerance is solved exactly in f64 | |
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// How the columns are solved.
    pub algorithm: Algorithm,
    /// Certified relative duality gap, `(P − D)/P`.
    pub tolerance: f64,
    /// The most iterations of Halpern and FISTA.
    pub max_iterations: usize,
    /// Whether columns that miss the tolerance are solved exactly on the host, in f64.
    pub polish: bool,
}

impl Settings {
    /// The smallest tolerance in f64.
    pub const LEAST_TOLERANCE: f64 = 1e-12;
}

impl Default for Settings {
    fn default() -> Self {
        Self { algorithm: Algorithm::Auto, tolerance: 1e-4, max_iterations: 20_000, polish: true }
    }
}
