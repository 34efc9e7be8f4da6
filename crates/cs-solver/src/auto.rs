//! Chooses the algorithm for a problem.
//!
//! | where | what | why |
//! |---|---|---|
//! | CPU, n ≤ 1024 | homotopy | exact, and the fastest there |
//! | CPU, `λ/λ_max` ≥ 0.08, m ≥ 2n, n m > 2¹⁹ | coordinate descent | few columns are active |
//! | CPU, n > 1024 | SSNAL | its cost grows with the support, not with the path |
//! | operator that is not stored as a matrix, n > 512 | Halpern, f64 | no factor, no column of A is formed |
//! | GPU, `λ/λ_max` ≥ 1e-2 | FISTA | few iterations, no factorisation |
//! | GPU, otherwise | Halpern | ten times fewer iterations than FISTA |
//!
//! A GPU that the caller names is used for any size. Its two rules come from the number of iterations that both
//! algorithms need; no time on a real GPU has been measured yet. For few columns, two cores solve the problem by
//! homotopy in less time than a GPU needs to launch the iterations (about 2 ms at 512×51). Give no device then.
//!
//! The switch-over points on a CPU were measured with `rayclip bench solver --compare` on two cores, with
//! λ = 0.3. At 4096×409 the homotopy is 4 times as fast as SSNAL, at 8192×1638 as fast, at 16384×1638 0.7 times.
//! Neither the batch size nor `λ/λ_max` changes them: at 8192×1638 a column of six costs 0.9 times as much as a
//! column of two, and at 8192×1200 the homotopy takes 0.8 to 1.5 times as long as SSNAL from `λ/λ_max` = 1e-3 to
//! 0.5 (0.4 to 0.8 times at 4096×409). With a subsampled DCT the homotopy is 3 times as fast as Halpern (to a gap
//! of 1e-4) at 4096×409, 0.8 times at 2048×409, as fast at 8192×819, 0.1 times at 4096×1024.
//!
//! At `λ/λ_max` = 0.1 coordinate descent takes, to a gap of 1e-4, 0.3 times as long as the homotopy at 2000×300
//! and 4096×409, 0.13 times as long as SSNAL at 10 000×1100; at 0.3, 0.25 and 0.27 times; at 0.05, 0.75 times
//! at 2000×300, and at 0.02, 1.4 times. At 512×51 it takes 1.3 times as long at 0.1.

use crate::device::is_gpu;
use crate::problem::Problem;
use crate::settings::Algorithm;

/// With at least this many rows, SSNAL is faster than the homotopy.
const SSNAL_FROM: usize = 1025;
/// Coordinate descent is faster than the exact methods if the smallest `λ/λ_max` of a batch is at least this, …
const DESCENT_FROM: f64 = 0.08;
/// … the matrix has more entries than this, …
const DESCENT_ABOVE: usize = 1 << 19;
/// … and it has at least this many times as many columns as rows.
const DESCENT_ASPECT: usize = 2;
/// With at least this many rows, Halpern is faster than the homotopy for an operator that is not a matrix.
const HALPERN_FROM: usize = 513;
/// FISTA needs fewer iterations than Halpern if the smallest `λ/λ_max` of a batch is at least this.
const FISTA_FROM: f64 = 1e-2;

/// Returns the algorithm for a problem; never `Auto`.
pub fn choose(problem: &Problem) -> Algorithm {
    if problem.operators().iter().any(|a| a.as_matrix().is_none()) {
        let large = problem.rows() >= HALPERN_FROM;
        return if large { Algorithm::Halpern } else { Algorithm::Homotopy };
    }
    let gpu = problem.device().is_some_and(is_gpu);
    if !gpu {
        let (n, m) = (problem.rows(), problem.coefficients());
        let wide = m / DESCENT_ASPECT >= n && n * m > DESCENT_ABOVE;
        if wide && problem.smallest_ratio() >= DESCENT_FROM {
            return Algorithm::Descent;
        }
        let large = problem.rows() >= SSNAL_FROM;
        return if large { Algorithm::Ssnal } else { Algorithm::Homotopy };
    }
    if problem.smallest_ratio() >= FISTA_FROM { Algorithm::Fista } else { Algorithm::Halpern }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::Matrix;
    use crate::problem::Lambda;
    use crate::synthetic::gaussian_dct;

    #[test]
    fn descent_is_for_large_weights_in_large_wide_matrices() {
        let choice = |m, n, ratio| {
            let problem = gaussian_dct(m, n, 1, 1).unwrap();
            choose(&problem.with_lambda(Lambda::Ratio(ratio)).unwrap())
        };
        assert_eq!(choice(2000, 300, 0.1), Algorithm::Descent);
        assert_eq!(choice(2000, 300, 0.02), Algorithm::Homotopy);
        assert_eq!(choice(512, 51, 0.5), Algorithm::Homotopy);
        // As in the criterion `data-lasso`.
        let square = Matrix::from_rows(800, 800, vec![1.0; 640_000]).unwrap();
        let square = Problem::new(square, &[1.0; 800], Lambda::Ratio(0.5)).unwrap();
        assert_eq!(choose(&square), Algorithm::Homotopy);
    }
}
