//! The errors of the solver.

/// Why a problem could not be solved. A column that does not converge has a [`Status`](crate::status::Status) instead of
/// an error.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SolverError {
    /// Two extents that must agree do not agree, or one is too small.
    #[error("{what}: expected {expected}, got {got}")]
    Extent {
        /// The name of the extent.
        what: &'static str,
        /// The expected value.
        expected: String,
        /// The actual value.
        got: usize,
    },
    /// There would be more numbers than memory can address.
    #[error(
        "{what} would have {extents} numbers, more than memory can address; make an extent smaller"
    )]
    TooLarge {
        /// What the numbers are.
        what: &'static str,
        /// The extents, as a product.
        extents: String,
    },
    /// The weight of the ℓ₁ norm is not a positive number.
    #[error("lambda must be positive and finite, got {0}")]
    Lambda(f64),
    /// A fraction of `λ_max` is too large for f64.
    #[error(
        "column {column}: {ratio} of lambda_max, 2‖Aᵀy‖∞, is {lambda}, too large for f64; divide A or y by a power of \
         ten"
    )]
    LambdaRatio {
        /// The right-hand side.
        column: usize,
        /// The fraction.
        ratio: f64,
        /// The resulting λ.
        lambda: f64,
    },
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
    /// The arithmetic cannot reach the tolerance.
    #[error("tolerance {tolerance:e} cannot be reached: {least:e} to 1 is possible {why}")]
    Tolerance {
        /// The requested tolerance.
        tolerance: f64,
        /// The smallest that can be reached.
        least: f64,
        /// The arithmetic that limits it.
        why: &'static str,
    },
    /// An eigenvalue decomposition did not converge.
    #[error("the factorisation of the operator failed: {0}")]
    Factorisation(String),
    /// The algorithm cannot be used for the problem.
    #[error("{algorithm} {why}")]
    Unsuitable {
        /// The requested algorithm.
        algorithm: crate::settings::Algorithm,
        /// What is missing, and what to use instead.
        why: &'static str,
    },
    /// A buffer is larger than the device can bind.
    #[error(
        "{what} needs a buffer of {bytes} bytes, and this device binds at most {limit}; \
         solve fewer columns in one call, or on the host"
    )]
    Buffer {
        /// The matrix or batch.
        what: &'static str,
        /// Bytes that it needs.
        bytes: usize,
        /// Bytes that the device can bind.
        limit: usize,
    },
    /// An algorithm ended without an answer for a column.
    #[error(
        "column {column} has no answer, because of a bug in the solver or its device; \
         use another algorithm"
    )]
    Unanswered {
        /// The index of the column in the batch.
        column: usize,
    },
    /// An [`Interrupter`](crate::Interrupter) ended the solve.
    #[error("the solve was interrupted")]
    Interrupted,
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

    /// Returns the product of `extents`, if memory can address that many f64.
    pub(crate) fn check_product(what: &'static str, extents: &[usize]) -> Result<usize, Self> {
        const MOST: usize = isize::MAX as usize / size_of::<f64>();
        let product =
            extents.iter().try_fold(1_usize, |product, extent| product.checked_mul(*extent));
        product.filter(|product| *product <= MOST).ok_or_else(|| {
            let extents: Vec<String> = extents.iter().map(ToString::to_string).collect();
            Self::TooLarge { what, extents: extents.join(" × ") }
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_that_does_not_fit_names_its_extents() {
        let product = |extents: &[usize]| SolverError::check_product("the matrix", extents);
        assert_eq!(product(&[2, 3, 4]), Ok(24));
        for extents in [[1 << 40, 1 << 40], [1 << 60, 1]] {
            let message = product(&extents).unwrap_err().to_string();
            assert!(message.contains(&format!("{} × {}", extents[0], extents[1])), "{message}");
        }
    }
}
