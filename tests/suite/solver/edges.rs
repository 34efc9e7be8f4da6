//! The edges: degenerate and extreme problems, broken operators, bad input.

use cs_solver::{Algorithm, Lambda, Matrix, Operator, Problem, Settings, SolverError};

use super::{normal, ways};
use crate::support::{devices, skipped};

/// Entries that an operator computes may be anything.
#[derive(Debug)]
struct Broken;

impl Operator for Broken {
    fn rows(&self) -> usize {
        1
    }
    fn columns(&self) -> usize {
        2
    }
    fn apply(&self, x: &[f64], product: &mut [f64]) {
        for (x, product) in x.chunks(2).zip(product) {
            *product = x[0];
        }
    }
    fn apply_transposed(&self, v: &[f64], product: &mut [f64]) {
        for (v, product) in v.iter().zip(product.chunks_mut(2)) {
            product.copy_from_slice(&[*v, f64::NAN]);
        }
    }
    fn select(&self, ids: &[usize], entries: &mut [f64]) {
        for (id, entry) in ids.iter().zip(entries) {
            *entry = if *id == 0 { 1.0 } else { f64::NAN };
        }
    }
    fn row_norm_squared(&self) -> Option<f64> {
        Some(1.0)
    }
}

#[test]
fn degenerate_problems_are_borne() {
    // a zero y, a zero column, duplicate and opposite columns, one row, one column, two columns
    let cases: [(usize, usize, &[f64], &[f64]); 6] = [
        (2, 3, &[1.0, 2.0, 3.0, 0.0, 1.0, 1.0], &[0.0, 0.0]),
        (2, 3, &[0.0, 2.0, 1.0, 0.0, 1.0, -1.0], &[1.0, 2.0]),
        (2, 4, &[1.0, 1.0, -1.0, 0.5, 2.0, 2.0, -2.0, 1.5], &[3.0, 1.0]),
        (1, 3, &[1.0, -2.0, 2.0], &[4.0]),
        (3, 1, &[1.0, -2.0, 2.0], &[4.0, 1.0, 0.5]),
        (2, 2, &[1.0, 0.0, 0.0, 0.0], &[1.0, 1.0]),
    ];
    for (n, m, rows, y) in cases {
        let a = Matrix::from_rows(n, m, rows).unwrap();
        let problem = Problem::new(a, y, Lambda::Fixed(0.1)).unwrap();
        for way in ways() {
            let solutions = way.solve(&problem);
            assert!(solutions.converged(), "{way:?} {n}×{m}: {solutions:?}");
        }
    }
}

#[test]
fn an_empty_batch_is_an_empty_answer() {
    let a = Matrix::from_rows(1, 2, [1.0, 2.0]).unwrap();
    let problem = Problem::new(a, &[], Lambda::Fixed(0.1)).unwrap();
    for way in ways() {
        let solutions = way.solve(&problem);
        assert!(solutions.columns().is_empty() && solutions.converged(), "{way:?}");
    }
}

#[test]
fn duplicate_and_opposite_columns_are_no_trap() {
    for (n, distinct, copies) in [(8, 14, 3), (20, 40, 12), (3, 6, 50)] {
        let base = normal(n * distinct, 81);
        // [B, −B, B, …]
        let rows: Vec<f64> = base
            .chunks(distinct)
            .flat_map(|row| {
                (0..copies).flat_map(move |copy| {
                    let sign = if copy % 2 == 0 { 1.0 } else { -1.0 };
                    row.iter().map(move |value| sign * value)
                })
            })
            .collect();
        let a = Matrix::from_rows(n, distinct * copies, rows).unwrap();
        let problem = Problem::new(a, &normal(n * 4, 82), Lambda::Fixed(0.05)).unwrap();
        let settings = Settings { tolerance: 1e-9, ..Settings::default() };
        let cold = problem.solve(&settings).unwrap();
        assert!(cold.converged() && cold.columns().iter().all(|c| !c.polished()), "{cold:?}");
        assert!(cold.iterations() < 20 * n, "{}", cold.iterations());
        let nearby = problem.with_lambda(Lambda::Fixed(0.02)).unwrap();
        assert!(nearby.solve_from(&settings, &cold).unwrap().converged());
        for algorithm in [Algorithm::Ssnal, Algorithm::Halpern, Algorithm::Fista] {
            let settings = Settings { algorithm, max_iterations: 500, ..settings };
            assert!(problem.solve(&settings).unwrap().converged(), "{algorithm}");
        }
    }
}

#[test]
fn nothing_is_called_converged_that_is_not() {
    let problem = Problem::new(Broken, &[1.0], Lambda::Fixed(0.1)).unwrap();
    for algorithm in [Algorithm::Homotopy, Algorithm::Ssnal, Algorithm::Halpern] {
        let settings = Settings { algorithm, max_iterations: 200, ..Settings::default() };
        let solutions = problem.solve(&settings).unwrap();
        assert!(!solutions.converged(), "{algorithm}: {solutions:?}");
        assert!(solutions.relative_gap().is_nan(), "{algorithm}: {solutions:?}");
    }
    // squares of such numbers are zero in f64
    let one = Matrix::from_rows(1, 1, [1.0]).unwrap();
    let tiny = Problem::new(one, &[1e-170], Lambda::Fixed(1e-171)).unwrap();
    assert!(!tiny.certify(&[0.0], 1e-4).unwrap().converged());
    let solved = tiny.solve(&Settings::default()).unwrap();
    assert!((solved.columns()[0].x()[0] / 0.95e-170 - 1.0).abs() < 1e-9, "{solved:?}");
}

#[test]
fn what_overflows_in_f32_is_finished_in_f64() {
    let a = Matrix::from_rows(2, 3, [1e25, 2e25, -1e25, 3e25, 0.5e25, 1e25]).unwrap();
    let problem = Problem::new(a, &[1e30, -2e30], Lambda::Ratio(0.1)).unwrap();
    for way in ways() {
        let solutions = way.solve(&problem);
        assert!(solutions.converged(), "{way:?}: {solutions:?}");
    }
    let a = Matrix::from_rows(1, 2, [1.0, 2.0]).unwrap();
    let problem = Problem::new(a, &[1.0], Lambda::Fixed(1e39)).unwrap();
    for way in ways() {
        let solutions = way.solve(&problem);
        assert!(solutions.converged() && solutions.columns()[0].support_size() == 0, "{way:?}");
    }
}

#[test]
fn a_batch_that_the_device_cannot_bind_is_refused() {
    let Some((_, device)) = devices().into_iter().find(|(name, _)| *name == "wgpu") else {
        skipped("buffer limit", "there is no software adapter");
        return;
    };
    let a = Matrix::from_rows(1, 500_000, vec![1.0; 500_000]).unwrap();
    let problem = Problem::new(a, &[1.0; 700], Lambda::Fixed(0.1)).unwrap().on(&device);
    let settings = Settings { algorithm: Algorithm::Halpern, ..Settings::default() };
    let error = problem.solve(&settings).unwrap_err();
    assert!(matches!(error, SolverError::Buffer { .. }), "{error}");
}

#[test]
fn bad_input_is_refused_by_name_before_anything_runs() {
    let a = Matrix::from_rows(1, 2, [1.0, 2.0]).unwrap();
    let huge = Matrix::from_rows(1, 1, [1e200]).unwrap();
    let error = Problem::new(huge, &[1e200], Lambda::Ratio(0.1)).unwrap_err();
    assert!(matches!(error, SolverError::Lambda(_) | SolverError::LambdaRatio { .. }), "{error}");
    for lambda in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        for lambda in [Lambda::Fixed(lambda), Lambda::Ratio(lambda)] {
            let error = Problem::new(a.clone(), &[1.0], lambda).unwrap_err();
            assert!(
                matches!(error, SolverError::Lambda(_) | SolverError::LambdaRatio { .. }),
                "{error}"
            );
        }
    }
    let error = Problem::new(a.clone(), &[f64::INFINITY], Lambda::Fixed(1.0)).unwrap_err();
    assert!(error.to_string().contains("y[0] is inf"), "{error}");
    let two_rows = Matrix::from_rows(2, 1, [1.0, 2.0]).unwrap();
    let error = Problem::new(two_rows, &[1.0], Lambda::Fixed(1.0)).unwrap_err();
    assert!(matches!(error, SolverError::Extent { .. }), "{error}");
    let problem = Problem::new(a, &[1.0], Lambda::Fixed(1.0)).unwrap();
    for (tolerance, algorithm, polish, accepted) in [
        (1e-13, Algorithm::Auto, true, false),
        (f64::NAN, Algorithm::Auto, true, false),
        (2.0, Algorithm::Auto, true, false),
        (1e-7, Algorithm::Halpern, false, false),
        (1e-7, Algorithm::Fista, true, true),
    ] {
        let settings = Settings { algorithm, tolerance, polish, ..Settings::default() };
        match problem.solve(&settings) {
            Ok(_) => assert!(accepted, "{settings:?}"),
            Err(error) => {
                assert!(!accepted && matches!(error, SolverError::Tolerance { .. }), "{error}");
            }
        }
    }
}
