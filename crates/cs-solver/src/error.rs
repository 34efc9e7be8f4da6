//! Why a problem could not be solved at all.

/// A problem that no algorithm is started on. Not converging is a [`Status`](crate::Status), never
/// an error.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SolverError {
    /// Two extents that must agree do not, or one is too small.
    #[error("{what}: expected {expected}, got {got}")]
    Extent {
        /// Which extent.
        what: &'static str,
        /// What it must be.
        expected: String,
        /// What it is.
        got: usize,
    },
    /// The weight of the ℓ₁ norm is not a positive number.
    #[error("lambda must be positive and finite, got {0}")]
    Lambda(f64),
    /// An entry is NaN or infinite.
    #[error("{what}[{index}] is {value}; every entry must be finite")]
    NotFinite {
        /// The matrix or vector.
        what: &'static str,
        /// Position in memory order.
        index: usize,
        /// The entry.
        value: f64,
    },
    /// A tensor could not be read from its device.
    #[error("the device failed while solving: {0}")]
    Device(String),
}

impl SolverError {
    pub(crate) fn check_lambda(lambda: f64) -> Result<(), Self> {
        if lambda.is_finite() && lambda > 0.0 { Ok(()) } else { Err(Self::Lambda(lambda)) }
    }

    pub(crate) fn check_extent(
        what: &'static str,
        expected: usize,
        got: usize,
    ) -> Result<(), Self> {
        if expected == got {
            Ok(())
        } else {
            Err(Self::Extent { what, expected: expected.to_string(), got })
        }
    }

    pub(crate) fn check_finite(what: &'static str, values: &[f64]) -> Result<(), Self> {
        match values.iter().position(|value| !value.is_finite()) {
            Some(index) => Err(Self::NotFinite { what, index, value: values[index] }),
            None => Ok(()),
        }
    }
}
