//! Seeded problems, for benchmarks and for trying the solver.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::error::SolverError;
use crate::operator::{Matrix, Operator, SubsampledDct};
use crate::problem::{Lambda, Problem};
use crate::{dct, gaussian};

/// The weight λ of the recorded runs of the paper.
pub const LAMBDA: f64 = 0.3;

/// Makes a problem with measurements of `columns` Gaussian signals by a Gaussian·DCT matrix, with λ = 0.3. As for
/// weight rays, `λ/λ_max` is 1e-4 to 1e-3.
///
/// # Shapes
/// A: `[n, m]`, y: `[column, n]`.
///
/// # Errors
/// `m < 2`, `n = 0`, or A, the signals or their measurements are larger than memory can address.
pub fn gaussian_dct(m: usize, n: usize, columns: usize, seed: u64) -> Result<Problem, SolverError> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let entries = SolverError::check_product("the matrix", &[n, m])?;
    let mut theta = gaussian::standard_normal(entries, &mut rng);
    dct::transform_rows(&mut theta, m)?;
    measured(Matrix::from_rows(n, m, theta)?, columns, &mut rng)
}

/// Makes the same problem with a subsampled DCT, which is not stored as a matrix.
///
/// # Errors
/// `m < 2`, `n` is not in `1..=m`, or the signals or their measurements are larger than memory can address.
pub fn subsampled_dct(
    m: usize,
    n: usize,
    columns: usize,
    seed: u64,
) -> Result<Problem, SolverError> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    measured(SubsampledDct::draw(n, m, &mut rng)?, columns, &mut rng)
}

fn measured(
    a: impl Operator + 'static,
    columns: usize,
    rng: &mut ChaCha8Rng,
) -> Result<Problem, SolverError> {
    let signals = SolverError::check_product("the signals", &[a.columns(), columns])?;
    let mut y = vec![0.0; SolverError::check_product("the measurements", &[a.rows(), columns])?];
    a.apply(&gaussian::standard_normal(signals, rng), &mut y);
    Problem::new(a, &y, Lambda::Fixed(LAMBDA))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_sizes_that_no_memory_has() {
        let too_large = |problem| matches!(problem, Err(SolverError::TooLarge { .. }));
        let huge = usize::MAX / 2;
        for (m, n, columns) in [(huge, 3, 1), (3, huge, 1), (3, 2, huge)] {
            assert!(too_large(gaussian_dct(m, n, columns, 0)), "{m} {n} {columns}");
        }
        assert!(
            too_large(subsampled_dct(huge, 2, 1, 0)) && too_large(subsampled_dct(3, 2, huge, 0))
        );
    }
}
