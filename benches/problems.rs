//! Seeded problems for the benchmarks.

use cs_solver::{Matrix, SolverError, dct, gaussian};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// A weight of the ℓ₁ norm as the recorded runs have it.
pub const LAMBDA: f64 = 0.3;

/// A measured signal: Θ and `columns` measurements of Gaussian weight sums with the spread that the
/// recorded runs show.
pub struct Problem {
    /// Θ, `[n, m]`, row-major.
    pub theta: Vec<f64>,
    /// Θ as a matrix.
    pub matrix: Matrix,
    /// One measurement a column.
    pub measurements: Vec<Vec<f64>>,
}

/// A Gaussian·DCT problem of `m` neurons and `n` measurements.
///
/// # Errors
/// An extent is too small.
pub fn gaussian_dct(m: usize, n: usize, columns: usize, seed: u64) -> Result<Problem, SolverError> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut theta = gaussian::standard_normal(n * m, &mut rng);
    dct::transform_rows(&mut theta, m)?;
    let matrix = Matrix::from_rows(n, m, &theta)?;
    let measurements =
        (0..columns).map(|_| matrix.times(&gaussian::standard_normal(m, &mut rng))).collect();
    Ok(Problem { theta, matrix, measurements })
}
