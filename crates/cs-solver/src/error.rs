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
    /// There would be more numbers than memory can address.
    #[error("{what} would be {extents} numbers, more than memory can address; make one smaller")]
    TooLarge {
        /// What the numbers are.
        what: &'static str,
        /// The extents, as a product.
        extents: String,
    },
    /// The weight of the ℓ₁ norm is not a positive number.
    #[error("lambda must be positive and finite, got {0}")]
    Lambda(f64),
    /// A fraction of `λ_max` is no number.
    #[error(
        "column {column}: {ratio} of lambda_max, 2‖Aᵀy‖∞, is {lambda}, past all numbers; divide A or y by a power of \
         ten"
    )]
    LambdaRatio {
        /// The right-hand side.
        column: usize,
        /// The fraction.
        ratio: f64,
        /// What it gives.
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
    /// An algorithm ended without a word on a column.
    #[error(
        "column {column} came back without an answer, a fault of the solver or its device; \
         take another algorithm"
    )]
    Unanswered {
        /// The column's place in the batch.
        column: usize,
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

    /// The product of `extents`, the bytes of which as f64 memory can address.
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
