//! Homotopy (LARS-lasso): starts at a weight with a known solution, and follows the solution down to λ.
//!
//! The solution is piecewise linear in the weight. On a piece the active set E and the signs s are fixed. The piece
//! ends where the correlation of an inactive column reaches its bound, and the column enters; or where an active
//! coefficient reaches zero, and its column leaves. From `λ_max`, where the solution is zero, there are about
//! 1.2–1.5 · n pieces; from a support that is nearly right, there are a few.
//!
//! The columns of a batch proceed in lockstep, so that the one product with `Aᵀ` per piece is a matrix product.
//!
//! # References
//! Osborne, Presnell, Turlach, *A new approach to variable selection in least squares problems* (IMA
//! Journal of Numerical Analysis 20, 2000); Efron, Hastie, Johnstone, Tibshirani, *Least angle
//! regression* (Annals of Statistics 32, 2004), §3; for the start at a support, the online active-set
//! strategy of Ferreau, Bock, Diehl (Int. J. Robust and Nonlinear Control 18, 2008).

mod active_set;
mod meeting;
mod path;

use rayon::prelude::*;

use crate::answer::{Answer, Column};
use crate::operator::Operator;
use path::Path;

/// The number of columns that proceed in lockstep.
const IN_STEP: usize = 8;

/// If a product with `Aᵀ` has at least this many multiplications, threads share it. Otherwise each thread has its own
/// columns.
const SHARED_FROM: usize = 1 << 20;

/// Solves every column exactly, up to rounding.
pub(crate) fn solve(a: &dyn Operator, columns: &[Column<'_>]) -> Vec<Answer> {
    let threads = rayon::current_num_threads();
    let share_products = a.rows() * a.columns() >= SHARED_FROM;
    let in_step = if share_products { IN_STEP } else { columns.len().div_ceil(threads) };
    let chunks = columns.chunks(in_step.clamp(1, IN_STEP));
    if share_products || columns.len() == 1 {
        chunks.flat_map(|chunk| follow(a, chunk, share_products)).collect()
    } else {
        chunks.collect::<Vec<_>>().par_iter().flat_map(|chunk| follow(a, chunk, false)).collect()
    }
}

/// Solves one column exactly, up to rounding.
pub(crate) fn solve_one(a: &dyn Operator, column: &Column<'_>) -> Answer {
    let mut path = Path::begin(a, column);
    let mut rates = vec![0.0; a.columns()];
    while path.is_live() {
        a.apply_transposed(path.equiangular(), &mut rates);
        path.step(&rates);
    }
    path.finish()
}

fn follow(a: &dyn Operator, columns: &[Column<'_>], parallel: bool) -> Vec<Answer> {
    let mut paths: Vec<Path<'_>> = if parallel {
        columns.par_iter().map(|column| Path::begin(a, column)).collect()
    } else {
        columns.iter().map(|column| Path::begin(a, column)).collect()
    };
    let (n, m) = (a.rows(), a.columns());
    let mut vectors = vec![0.0; n * columns.len()];
    let mut rates = vec![0.0; m * columns.len()];
    loop {
        let mut live: Vec<&mut Path<'_>> = paths.iter_mut().filter(|path| path.is_live()).collect();
        if live.is_empty() {
            break;
        }
        for (vector, path) in vectors.chunks_exact_mut(n).zip(&live) {
            vector.copy_from_slice(path.equiangular());
        }
        let count = live.len();
        a.apply_transposed(&vectors[..n * count], &mut rates[..m * count]);
        if parallel {
            live.par_iter_mut().zip(rates.par_chunks(m)).for_each(|(path, rates)| path.step(rates));
        } else {
            live.iter_mut().zip(rates.chunks(m)).for_each(|(path, rates)| path.step(rates));
        }
    }
    paths.into_iter().map(Path::finish).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::answer::Start;
    use crate::certificate::certify;
    use crate::interrupter::Interrupter;
    use crate::operator::Matrix;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn every_path_ends_at_the_optimum_wherever_it_begins(
            n in 1_usize..12,
            m in 1_usize..42,
            entries in proptest::collection::vec(-3.0..3.0, 12 * 42 + 12),
            start in proptest::collection::vec(-1.0..1.0, 42),
            exponent in -5.0..1.0,
        ) {
            let a = Matrix::from_rows(n, m, &entries[..n * m]).unwrap();
            let y = &entries[n * m..n * m + n];
            let lambda = 10_f64.powf(exponent);
            // about half of the entries, with any signs
            let x: Vec<f64> = start[..m].iter().map(|x: &f64| if x.abs() < 0.5 { 0.0 } else { *x }).collect();
            for start in [None, Some(Start { x: x.clone(), nu: vec![0.0; n] })] {
                let never = Interrupter::default();
                let column = Column { start, ..Column::new(y, lambda, &never) };
                let answer = solve_one(&a, &column);
                let in_batch = solve(&a, std::slice::from_ref(&column)).pop().unwrap();
                prop_assert_eq!((&in_batch.x, &in_batch.nu), (&answer.x, &answer.nu));
                prop_assert_eq!(answer.status, crate::status::Status::Converged);
                prop_assert!(answer.x.iter().filter(|x| **x != 0.0).count() <= n);
                let (certificate, _) = certify(&a, y, lambda, &answer.x, &answer.nu);
                prop_assert!(certificate.relative_gap < 1e-7, "{:?}", certificate);
            }
        }
    }
}
