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
    /// The tolerance is not a number that the arithmetic can reach.
    #[error("tolerance {tolerance:e} is out of reach: {least:e} to 1 is possible {why}")]
    Tolerance {
        /// What was asked for.
        tolerance: f64,
        /// The smallest that can be reached.
        least: f64,
        /// The arithmetic that limits it.
        why: &'static str,
    },
    /// An eigenvalue decomposition did not converge.
    #[error("the factorisation of the operator failed: {0}")]
    Factorisation(String),
    /// The problem needs what the algorithm does not have.
    #[error("{algorithm} {why}")]
    Unsuitable {
        /// The algorithm that was asked for.
        algorithm: crate::Algorithm,
        /// What is missing, and what to take instead.
        why: &'static str,
    },
    /// A buffer is larger than the device can bind.
    #[error(
        "{what} needs a buffer of {bytes} bytes, and this device binds {limit} at most; \
         solve fewer columns at once, or on the host"
    )]
    Buffer {
        /// The matrix or batch.
        what: &'static str,
        /// Bytes that it needs.
        bytes: usize,
        /// Bytes that the device can bind.
        limit: usize,
    },
    /// A tensor could not be read from its device.
    #[error("the device failed while solving: {0}")]
    Device(String),
}

impl SolverError {
    pub(crate) fn check_lambda(lambda: f64) -> Result<(), Self> {
        if lambda.is_finite() && lambda > 0.0 { Ok(()) } else { Err(Self::Lambda(lambda)) }
    }

    pub(crate) fn check_at_least(what: &'static str, least: usize, got: usize) -> Result<(), Self> {
        if got >= least {
            Ok(())
        } else {
            Err(Self::Extent { what, expected: format!("at least {least}"), got })
        }
    }

    pub(crate) fn check_tolerance(
        tolerance: f64,
        least: f64,
        why: &'static str,
    ) -> Result<(), Self> {
        if (least..=1.0).contains(&tolerance) {
            Ok(())
        } else {
            Err(Self::Tolerance { tolerance, least, why })
        }
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
