//! Seeded problems for the benchmarks.

use cs_solver::{Lambda, Matrix, Operator, Problem, SolverError, dct, gaussian};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// A weight of the ℓ₁ norm as the recorded runs have it.
pub const LAMBDA: f64 = 0.3;

/// A Gaussian·DCT problem of `m` neurons and `n` measurements: weight sums with the spread that the
/// recorded runs show, one a column.
///
/// # Errors
/// An extent is too small.
pub fn gaussian_dct(m: usize, n: usize, columns: usize, seed: u64) -> Result<Problem, SolverError> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut theta = gaussian::standard_normal(n * m, &mut rng);
    dct::transform_rows(&mut theta, m)?;
    let theta = Matrix::from_rows(n, m, theta)?;
    let mut y = vec![0.0; n * columns];
    theta.apply(&gaussian::standard_normal(m * columns, &mut rng), &mut y);
    Problem::new(theta, &y, Lambda::Fixed(LAMBDA))
}
