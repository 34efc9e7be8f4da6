//! Seeded problems, for benchmarks and for trying the solver out.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::{Lambda, Matrix, Operator, Problem, SolverError, SubsampledDct, dct, gaussian};

/// The weight λ of the recorded runs of the paper.
pub const LAMBDA: f64 = 0.3;

/// Measurements of `columns` Gaussian signals by a Gaussian·DCT matrix, with λ = 0.3: the regime of
/// weight rays, where `λ/λ_max` is 1e-4 to 1e-3.
///
/// # Shapes
/// A: `[n, m]`, y: `[column, n]`.
///
/// # Errors
/// `m < 2` or `n = 0`.
pub fn gaussian_dct(m: usize, n: usize, columns: usize, seed: u64) -> Result<Problem, SolverError> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut theta = gaussian::standard_normal(n * m, &mut rng);
    dct::transform_rows(&mut theta, m)?;
    let theta = Matrix::from_rows(n, m, theta)?;
    let mut y = vec![0.0; n * columns];
    theta.apply(&gaussian::standard_normal(m * columns, &mut rng), &mut y);
    Problem::new(theta, &y, Lambda::Fixed(LAMBDA))
}

/// The same with a subsampled DCT, which has no entries in memory.
///
/// # Errors
/// `m < 2`, or `n` is not in `1..=m`.
pub fn subsampled_dct(
    m: usize,
    n: usize,
    columns: usize,
    seed: u64,
) -> Result<Problem, SolverError> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let a = SubsampledDct::draw(n, m, &mut rng)?;
    let mut y = vec![0.0; n * columns];
    a.apply(&gaussian::standard_normal(m * columns, &mut rng), &mut y);
    Problem::new(a, &y, Lambda::Fixed(LAMBDA))
}
