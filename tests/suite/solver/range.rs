//! Numbers of any size: what is representable is solved, and nothing panics.

use cs_solver::{Algorithm, Lambda, Matrix, Problem, Settings, SolverError, Status};
use proptest::prelude::*;

use super::{Way, distance, normal, ways};

/// Solves on the host and on the CPU backend; the software adapter is too slow for many problems.
fn quick_ways() -> impl Iterator<Item = Way> {
    ways().into_iter().filter(|way| way.device != "wgpu")
}

fn quick_settings(way: Way) -> Settings {
    Settings { tolerance: 1e-6, max_iterations: 300, ..way.settings() }
}

fn scaled(values: &[f64], exponent: i32) -> Vec<f64> {
    values.iter().map(|value| value * 10_f64.powi(exponent)).collect()
}

#[test]
fn huge_and_tiny_entries_are_solved_by_every_algorithm() {
    let (n, m) = (6, 14);
    let (rows, y) = (normal(n * m, 3), normal(n, 4));
    let solve = |way: Way, a: i32, of_y: i32| {
        let a = Matrix::from_rows(n, m, scaled(&rows, a)).unwrap();
        let problem = Problem::new(a, &scaled(&y, of_y), Lambda::Ratio(0.05)).unwrap();
        way.try_solve(&problem, quick_settings(way)).unwrap()
    };
    for way in ways() {
        let plain = solve(way, 0, 0).columns()[0].x().to_vec();
        for (a, of_y) in [
            (160, 0),
            (-160, 0),
            (154, 0),
            (-300, 0),
            (300, 0),
            (30, 0),
            (-30, 0),
            (20, -20),
            (160, 140),
            (-160, -140),
            (-140, 140),
            (150, -150),
            (30, 30),
            (-30, -30),
            (-150, -150),
        ] {
            let solutions = solve(way, a, of_y);
            assert!(solutions.converged(), "{way:?} 1e{a} 1e{of_y}: {solutions:?}");
            let got = scaled(
                &scaled(solutions.columns()[0].x(), a / 2 - of_y / 2),
                a - a / 2 - of_y + of_y / 2,
            );
            assert!(distance(&got, &plain) < 1e-3, "{way:?} 1e{a} 1e{of_y}: {got:?} {plain:?}");
        }
    }
}

#[test]
fn an_objective_or_an_answer_past_all_numbers_is_not_converged() {
    let one = |a: f64| Matrix::from_rows(1, 2, [a, 0.5 * a]).unwrap();
    for (a, y, lambda) in [
        // ‖y‖² overflows, at a λ that gives zero and at one that does not.
        (1.0, 1e200, 1e199),
        (1.0, 1e200, 1e201),
        // x = y/A overflows.
        (1e-300, 1e100, 1e-201),
    ] {
        let problem = Problem::new(one(a), &[y], Lambda::Fixed(lambda)).unwrap();
        for way in quick_ways() {
            let solutions = way.try_solve(&problem, quick_settings(way)).unwrap();
            assert_eq!(solutions.status(), Status::NonFinite, "{way:?} {a:e} {y:e}: {solutions:?}");
        }
        let judged = problem.certify(&[0.0, 0.0], 1e-4).unwrap();
        assert!(!judged.converged(), "{judged:?}");
    }
}

/// A mantissa of either sign with one of all exponents; some zeros.
fn any_number() -> impl Strategy<Value = f64> {
    let number = (1.0..2.0_f64, any::<bool>(), -1074..1024_i32).prop_map(
        |(mantissa, negative, exponent)| {
            let half = exponent / 2;
            let value = mantissa * 2_f64.powi(half) * 2_f64.powi(exponent - half);
            if negative { -value } else { value }
        },
    );
    prop_oneof![9 => number, 1 => Just(0.0)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_number_makes_anything_panic(
        n in 1_usize..4,
        m in 1_usize..6,
        rows in proptest::collection::vec(any_number(), 18),
        y in proptest::collection::vec(any_number(), 3),
        lambda in any_number(),
        by_ratio in any::<bool>(),
    ) {
        let a = Matrix::from_rows(n, m, &rows[..n * m]).unwrap();
        let lambda = lambda.abs();
        let lambda = if by_ratio { Lambda::Ratio(lambda) } else { Lambda::Fixed(lambda) };
        let problem = match Problem::new(a, &y[..n], lambda) {
            Ok(problem) => problem,
            Err(SolverError::Lambda(_) | SolverError::LambdaRatio { .. }) => return Ok(()),
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        };
        for way in quick_ways() {
            // Whatever it says, it says it; and what it calls converged is finite.
            let solutions = way.try_solve(&problem, quick_settings(way)).unwrap();
            let solution = &solutions.columns()[0];
            if solution.status() == Status::Converged {
                let certificate = solution.certificate();
                prop_assert!(certificate.primal.is_finite(), "{:?}", solution);
                prop_assert!(certificate.shows(1e-6), "{:?}", solution);
                prop_assert!(solution.x().iter().chain(solution.nu()).all(|value| value.is_finite()));
            }
        }
    }

    #[test]
    fn a_whole_problem_of_any_size_is_solved(a in -290..290_i32, of_y in -140..140_i32, seed in 1_u32..50) {
        let (n, m) = (4, 9);
        let rows = scaled(&normal(n * m, seed), a);
        let y = scaled(&normal(n, seed + 1), of_y);
        prop_assume!((a + of_y).abs() < 300 && (of_y - a).abs() < 300);
        let matrix = Matrix::from_rows(n, m, rows).unwrap();
        let problem = Problem::new(matrix, &y, Lambda::Ratio(0.1)).unwrap();
        for algorithm in [Algorithm::Homotopy, Algorithm::Descent, Algorithm::Ssnal, Algorithm::Halpern, Algorithm::Fista] {
            let device = if matches!(algorithm, Algorithm::Halpern | Algorithm::Fista) { "flex" } else { "the host" };
            let way = Way { algorithm, device };
            let solutions = way.try_solve(&problem, quick_settings(way)).unwrap();
            prop_assert!(solutions.converged(), "{:?}: {:?}", way, solutions);
        }
    }
}
