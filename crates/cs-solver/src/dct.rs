//! The sparsifying basis Ψ: the orthonormal cosine transform of the first kind (DCT-I).
//!
//! ```text
//! Ψ[k, j] = √(2/(m−1)) · e_k e_j · cos(π k j / (m−1)),   e_0 = e_{m−1} = 1/√2, otherwise 1
//! ```
//!
//! Ψ is symmetric and its own inverse. It equals SciPy's `dct(type=1, norm="ortho")` and needs
//! `m ≥ 2`.

use std::f64::consts::FRAC_1_SQRT_2;

use rustdct::DctPlanner;

use crate::error::SolverError;

/// Applies Ψ to every row of length `m`, in place. It is its own inverse.
///
/// # Errors
/// `m < 2`, or the length of `rows` is not a multiple of `m`.
pub fn transform_rows(rows: &mut [f64], m: usize) -> Result<(), SolverError> {
    if m < 2 {
        let expected = "at least 2".into();
        return Err(SolverError::Extent { what: "length of a DCT-I", expected, got: m });
    }
    let whole = rows.len() / m * m;
    SolverError::check_extent("entries of rows for a DCT-I", whole, rows.len())?;
    let plan = DctPlanner::new().plan_dct1(m);
    let mut scratch = vec![0.0; plan.get_scratch_len()];
    let scale = (2.0 / (m - 1) as f64).sqrt();
    for row in rows.chunks_mut(m) {
        // The library halves the first and the last entry; the orthonormal transform has 1/√2 there.
        row[0] /= FRAC_1_SQRT_2;
        row[m - 1] /= FRAC_1_SQRT_2;
        plan.process_dct1_with_scratch(row, &mut scratch);
        for value in &mut *row {
            *value *= scale;
        }
        row[0] *= FRAC_1_SQRT_2;
        row[m - 1] *= FRAC_1_SQRT_2;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use proptest::prelude::*;

    use super::*;

    fn by_definition(x: &[f64]) -> Vec<f64> {
        let last = x.len() - 1;
        let end = |i| if i == 0 || i == last { FRAC_1_SQRT_2 } else { 1.0 };
        let entry = |k: usize, j: usize| {
            (2.0 / last as f64).sqrt() * end(k) * end(j) * (PI * (k * j) as f64 / last as f64).cos()
        };
        (0..=last).map(|k| x.iter().enumerate().map(|(j, v)| v * entry(k, j)).sum()).collect()
    }

    #[test]
    fn equals_scipy() {
        // scipy.fft.dct([1, 2, 3, 4, 5], type=1, norm="ortho"), SciPy 1.17
        let expected = [
            6.621_320_343_559_645,
            -3.000_000_000_000_000_4,
            0.878_679_656_440_357_8,
            -1.000_000_000_000_000_2,
            0.621_320_343_559_642_9,
        ];
        let mut x = [1.0, 2.0, 3.0, 4.0, 5.0];
        transform_rows(&mut x, 5).unwrap();
        for (got, expected) in x.iter().zip(expected) {
            assert!((got - expected).abs() < 1e-12, "{x:?}");
        }
    }

    #[test]
    fn refuses_what_has_no_transform() {
        assert!(transform_rows(&mut [1.0], 1).is_err());
        assert!(transform_rows(&mut [1.0; 5], 2).is_err());
    }

    proptest! {
        #[test]
        fn follows_its_definition_and_is_its_own_inverse(x in proptest::collection::vec(-9.0..9.0, 2..90)) {
            let mut transformed = x.clone();
            transform_rows(&mut transformed, x.len()).unwrap();
            for (got, expected) in transformed.iter().zip(by_definition(&x)) {
                prop_assert!((got - expected).abs() < 1e-10);
            }
            transform_rows(&mut transformed, x.len()).unwrap();
            for (got, expected) in transformed.iter().zip(&x) {
                prop_assert!((got - expected).abs() < 1e-10);
            }
        }
    }
}
