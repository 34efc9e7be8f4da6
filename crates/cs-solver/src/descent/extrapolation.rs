//! Anderson extrapolation: combines the last iterates so that their differences cancel as far as possible.

use faer::linalg::solvers::{Llt, Solve};
use faer::{Mat, Side};

use crate::vector::dot;

/// The number of differences that are combined.
const MEMORY: usize = 5;

/// This fraction of the trace is added to the diagonal of the Gram matrix of the differences.
const RIDGE: f64 = 1e-12;

/// The last iterates, oldest first.
pub(super) struct Extrapolation {
    iterates: Vec<Vec<f64>>,
}

impl Extrapolation {
    pub(super) fn new() -> Self {
        Self { iterates: vec![] }
    }

    pub(super) fn push(&mut self, x: &[f64]) {
        if self.iterates.last().is_some_and(|last| last == x) {
            return;
        }
        if self.iterates.len() > MEMORY {
            self.iterates.remove(0);
        }
        self.iterates.push(x.to_vec());
    }

    /// Returns `Σ c_k x_k` with `c = (UᵀU)⁻¹1 / 1ᵀ(UᵀU)⁻¹1` for the differences U; `None` if there are too few, or if
    /// they are linearly dependent. The iterates are not used again.
    pub(super) fn point(&mut self) -> Option<Vec<f64>> {
        if self.iterates.len() <= MEMORY {
            return None;
        }
        let iterates = std::mem::take(&mut self.iterates);
        let differences: Vec<Vec<f64>> = iterates
            .windows(2)
            .map(|pair| pair[1].iter().zip(&pair[0]).map(|(b, a)| b - a).collect())
            .collect();
        let mut gram = Mat::from_fn(MEMORY, MEMORY, |i, j| dot(&differences[i], &differences[j]));
        let ridge = RIDGE * (0..MEMORY).map(|i| gram[(i, i)]).sum::<f64>();
        (0..MEMORY).for_each(|i| gram[(i, i)] += ridge);
        let mut weights = Mat::<f64>::from_fn(MEMORY, 1, |_, _| 1.0);
        Llt::new(gram.as_ref(), Side::Lower).ok()?.solve_in_place(weights.as_mut());
        let sum: f64 = (0..MEMORY).map(|k| weights[(k, 0)]).sum();
        let mut point = vec![0.0; iterates[0].len()];
        for (k, iterate) in iterates[1..].iter().enumerate() {
            let weight = weights[(k, 0)] / sum;
            for (point, value) in point.iter_mut().zip(iterate) {
                *point += weight * value;
            }
        }
        point.iter().all(|value| value.is_finite()).then_some(point)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linear_iteration_is_at_its_end_at_once() {
        // x ← B x + b with eigenvalues 0.9, −0.5, 0.3 and the fixed point (1, 2, 3)
        let mut x = [0.0, 0.0, 0.0];
        let mut extrapolation = Extrapolation::new();
        for step in 0..=MEMORY {
            assert!(extrapolation.point().is_none(), "{step}");
            extrapolation.push(&x);
            for ((x, factor), fixed) in x.iter_mut().zip([0.9, -0.5, 0.3]).zip([1.0, 2.0, 3.0]) {
                *x = factor * (*x - fixed) + fixed;
            }
        }
        let point = extrapolation.point().unwrap();
        let off = point.iter().zip([1.0, 2.0, 3.0]).map(|(got, fixed)| (got - fixed).abs());
        assert!(off.fold(0.0, f64::max) < 1e-3, "{point:?}");
        assert!(extrapolation.point().is_none());
    }
}
