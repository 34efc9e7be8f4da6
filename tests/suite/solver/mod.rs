//! What must hold of every algorithm on every device: optimality, closed forms, edges, symmetries.

mod edges;
mod exact;
mod range;
mod rounding;

use burn::tensor::{Tensor, TensorData};
use cs_solver::{
    Algorithm, Lambda, Matrix, Operator, Problem, Settings, Solutions, SolverError, Status,
    SubsampledDct, gaussian,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::support::devices;

/// An algorithm and where it runs.
#[derive(Clone, Copy, Debug)]
struct Way {
    algorithm: Algorithm,
    device: &'static str,
}

impl Way {
    fn solve(&self, problem: &Problem) -> Solutions {
        self.try_solve(problem, self.settings()).unwrap_or_else(|error| panic!("{self:?}: {error}"))
    }

    fn try_solve(&self, problem: &Problem, settings: Settings) -> Result<Solutions, SolverError> {
        let device = devices().into_iter().find(|(name, _)| *name == self.device);
        let problem = problem.clone();
        let problem = device.map_or(problem.clone(), |(_, device)| problem.on(&device));
        problem.solve(&settings)
    }

    fn settings(&self) -> Settings {
        let max_iterations = if self.device == "wgpu" { 300 } else { 3000 };
        Settings {
            algorithm: self.algorithm,
            tolerance: 1e-9,
            max_iterations,
            ..Settings::default()
        }
    }
}

/// Every algorithm everywhere, the slow software adapter included.
fn ways() -> Vec<Way> {
    let host = [Algorithm::Homotopy, Algorithm::Descent, Algorithm::Ssnal];
    let host = host.map(|algorithm| (algorithm, "the host"));
    let on_devices = devices().into_iter().flat_map(|(device, _)| {
        [Algorithm::Halpern, Algorithm::Fista].map(|algorithm| (algorithm, device))
    });
    host.into_iter()
        .chain(on_devices)
        .map(|(algorithm, device)| Way { algorithm, device })
        .collect()
}

fn normal(count: usize, seed: u32) -> Vec<f64> {
    gaussian::numpy_standard_normal(count, seed)
}

fn random(n: usize, m: usize, columns: usize, lambda: f64, seed: u32) -> (Matrix, Problem) {
    let a = Matrix::from_rows(n, m, normal(n * m, seed)).unwrap();
    let y = normal(n * columns, seed + 1);
    (a.clone(), Problem::new(a, &y, Lambda::Fixed(lambda)).unwrap())
}

fn correlations(a: &dyn Operator, v: &[f64]) -> Vec<f64> {
    let mut product = vec![0.0; a.columns()];
    a.apply_transposed(v, &mut product);
    product
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn every_solution_is_optimal_by_its_dual_point() {
    // sizes off any block size, both wider and taller than square
    for (n, m, columns) in [(1, 31, 2), (31, 33, 1), (7, 257, 3), (33, 12, 2)] {
        let (a, problem) = random(n, m, columns, 0.5, 11);
        for way in ways() {
            let solutions = way.solve(&problem);
            assert_eq!(solutions.algorithm(), way.algorithm);
            for solution in solutions.columns() {
                let what = format!("{way:?} {n}×{m}: {solution:?}");
                assert_eq!(solution.status(), Status::Converged, "{what}");
                assert!(solution.certificate().kkt_violation < 1e-3, "{what}");
                assert!(solution.support_size() <= n.min(m), "{what}");
                for (x, c) in solution.x().iter().zip(correlations(&a, solution.nu())) {
                    assert!(c.abs() <= 0.5 * (1.0 + 1e-9), "infeasible: {what}");
                    assert!(*x == 0.0 || (c - 0.5 * x.signum()).abs() < 5e-3, "sign: {what}");
                }
            }
        }
    }
}

#[test]
fn everything_agrees_in_support_and_objective() {
    let (_, problem) = random(20, 48, 3, 0.4, 5);
    let exact = problem.solve(&Settings { tolerance: 1e-10, ..Settings::default() }).unwrap();
    for way in ways() {
        for (got, exact) in way.solve(&problem).columns().iter().zip(exact.columns()) {
            let support = |x: &[f64]| x.iter().map(|x| *x != 0.0).collect::<Vec<_>>();
            assert_eq!(support(got.x()), support(exact.x()), "{way:?}");
            let over = got.certificate().primal / exact.certificate().primal - 1.0;
            assert!(over.abs() < 1e-8, "{way:?}: {over:e}");
        }
    }
}

#[test]
fn a_coarse_tolerance_is_reached_in_f32_without_polish() {
    let (_, problem) = random(16, 40, 4, 1.0, 9);
    for way in ways() {
        let settings =
            Settings { tolerance: 1e-3, polish: false, max_iterations: 5000, ..way.settings() };
        let solutions = way.try_solve(&problem, settings).unwrap();
        assert!(solutions.converged(), "{way:?}: {solutions:?}");
        assert!(solutions.columns().iter().all(|solution| !solution.polished()), "{way:?}");
    }
}

/// Without polish what is certified is the device's own work.
#[test]
fn f32_alone_comes_within_its_tolerance_of_the_exact_solution() {
    for (n, m, columns) in [(20, 48, 3), (31, 257, 2), (33, 12, 4)] {
        let (_, problem) = random(n, m, columns, 0.4, 5);
        let problem = problem.with_lambda(Lambda::Ratio(0.05)).unwrap();
        let exact = problem.solve(&Settings { tolerance: 1e-10, ..Settings::default() }).unwrap();
        for way in ways().into_iter().filter(|way| way.device != "the host") {
            let settings =
                Settings { tolerance: 1e-4, polish: false, max_iterations: 4000, ..way.settings() };
            let solutions = way.try_solve(&problem, settings).unwrap();
            assert!(solutions.converged(), "{way:?} {n}×{m}: {solutions:?}");
            for (got, exact) in solutions.columns().iter().zip(exact.columns()) {
                assert!(!got.polished() && got.iterations() > 0, "{way:?}: {got:?}");
                let over = got.certificate().primal / exact.certificate().primal - 1.0;
                assert!((-1e-9..1e-4).contains(&over), "{way:?}: {over:e}");
                let size = exact.x().iter().fold(0.0_f64, |max, x| max.max(x.abs()));
                assert!(distance(got.x(), exact.x()) < 0.02 * size, "{way:?}: {got:?}");
            }
        }
    }
}

/// Columns that need few and many iterations: those that are done leave the batch early.
#[test]
fn a_batch_that_shrinks_keeps_its_columns_in_order() {
    let (n, m) = (16, 40);
    let a = Matrix::from_rows(n, m, normal(n * m, 71)).unwrap();
    // The smaller y, the nearer λ is to λ_max, and the sooner the column is done.
    let y: Vec<f64> = normal(n * 8, 72)
        .chunks(n)
        .zip([3.0, 0.3, 0.2, 10.0, 0.25, 0.35, 0.3, 1.0])
        .flat_map(|(y, size)| y.iter().map(move |y| y * size).collect::<Vec<_>>())
        .collect();
    let problem = Problem::new(a, &y, Lambda::Fixed(1.0)).unwrap();
    let exact = problem.solve(&Settings::default()).unwrap();
    for way in ways().into_iter().filter(|way| way.device != "the host") {
        let settings =
            Settings { tolerance: 1e-4, polish: false, max_iterations: 6000, ..way.settings() };
        let solutions = way.try_solve(&problem, settings).unwrap();
        assert!(solutions.converged(), "{way:?}: {solutions:?}");
        for (got, exact) in solutions.columns().iter().zip(exact.columns()) {
            let over = got.certificate().primal / exact.certificate().primal - 1.0;
            assert!(over < 1e-4, "{way:?}: {over:e}");
        }
    }
}

#[test]
fn groups_of_different_sizes_are_left_by_a_warm_start() {
    let (groups, n, m) = (2, 6, 15);
    let operators = |seed: u32| -> Vec<std::sync::Arc<dyn Operator>> {
        normal(groups * n * m, seed)
            .chunks(n * m)
            .map(|rows| std::sync::Arc::new(Matrix::from_rows(n, m, rows).unwrap()) as _)
            .collect()
    };
    let y = normal(groups * 3 * n, 91);
    let first = Problem::grouped(operators(90), &y, Lambda::Fixed(0.2)).unwrap();
    let solved = first.solve(&Settings::default()).unwrap();
    // one column of the second group changes, the others are taken as they are
    let mut changed = y.clone();
    changed[4 * n] += 1.0;
    let second = Problem::grouped(operators(90), &changed, Lambda::Fixed(0.2)).unwrap();
    for way in ways() {
        let settings = way.settings();
        let warm = second.solve_from(&settings, &solved).unwrap();
        assert!(warm.converged(), "{way:?}: {warm:?}");
        let fresh = second.solve(&Settings::default()).unwrap();
        for (place, (warm, fresh)) in warm.columns().iter().zip(fresh.columns()).enumerate() {
            assert!(distance(warm.x(), fresh.x()) < 1e-4, "{way:?}, column {place}");
            assert!(place == 4 || warm.iterations() == 0, "{way:?}, column {place}");
        }
        assert!(distance(warm.columns()[4].x(), solved.columns()[4].x()) > 1e-3, "{way:?}");
    }
}

#[test]
fn the_solution_is_zero_from_lambda_max_on_and_has_one_entry_just_below() {
    let (_, problem) = random(9, 20, 1, 1.0, 21);
    let largest = problem.lambda_max()[0];
    for way in ways() {
        let size = |lambda| {
            let problem = problem.with_lambda(Lambda::Fixed(lambda)).unwrap();
            way.solve(&problem).columns()[0].support_size()
        };
        assert_eq!(size(largest * (1.0 + 1e-6)), 0, "{way:?}");
        assert_eq!(size(largest * 0.999), 1, "{way:?}");
    }
}

#[test]
fn an_orthonormal_matrix_has_the_closed_form() {
    // rotations in two planes
    let (c, s) = (0.6, 0.8);
    let rows = [c, -s, 0., 0., s, c, 0., 0., 0., 0., s, -c, 0., 0., c, s];
    let y = [3.0, -0.2, -1.0, 0.7];
    let a = Matrix::from_rows(4, 4, rows).unwrap();
    let problem = Problem::new(a.clone(), &y, Lambda::Fixed(0.8)).unwrap();
    let expected: Vec<f64> =
        correlations(&a, &y).iter().map(|c| c.signum() * (c.abs() - 0.4).max(0.0)).collect();
    for way in ways() {
        let solutions = way.solve(&problem);
        assert!(distance(solutions.columns()[0].x(), &expected) < 1e-4, "{way:?}: {solutions:?}");
    }
}

#[test]
fn the_solution_scales_with_its_data() {
    let (a, problem) = random(6, 14, 1, 0.3, 3);
    let y = normal(6, 4);
    for way in ways() {
        let plain = way.solve(&problem).columns()[0].x().to_vec();
        for exponent in [-150, -12, -5, 4, 12, 150] {
            let scale = 10_f64.powi(exponent);
            let scaled: Vec<f64> = y.iter().map(|y| y * scale).collect();
            let problem = Problem::new(a.clone(), &scaled, Lambda::Fixed(0.3 * scale)).unwrap();
            let got: Vec<f64> =
                way.solve(&problem).columns()[0].x().iter().map(|x| x / scale).collect();
            assert!(distance(&got, &plain) < 1e-4, "{way:?} 1e{exponent}: {got:?} {plain:?}");
        }
    }
}

#[test]
fn signs_and_permutations_go_through() {
    let (n, m) = (7, 15);
    let rows = normal(n * m, 8);
    let y = normal(n, 9);
    // column j goes to 4j mod 15, every third with its sign turned
    let place = |j: usize| (4 * j) % m;
    let sign = |j: usize| if j.is_multiple_of(3) { -1.0 } else { 1.0 };
    let mut moved = vec![0.0; n * m];
    for (i, j) in (0..n).flat_map(|i| (0..m).map(move |j| (i, j))) {
        moved[i * m + place(j)] = sign(j) * rows[i * m + j];
    }
    let problem = |rows: Vec<f64>| {
        Problem::new(Matrix::from_rows(n, m, rows).unwrap(), &y, Lambda::Fixed(0.2)).unwrap()
    };
    let (plain, moved) = (problem(rows), problem(moved));
    for way in ways() {
        let (plain, moved) = (way.solve(&plain), way.solve(&moved));
        let moved = moved.columns()[0].x();
        let back: Vec<f64> = (0..m).map(|j| sign(j) * moved[place(j)]).collect();
        assert!(distance(plain.columns()[0].x(), &back) < 1e-4, "{way:?}");
    }
}

#[test]
fn a_column_alone_is_the_column_in_a_batch() {
    let (a, batch) = random(10, 25, 5, 0.3, 31);
    let y = normal(50, 32);
    for way in ways() {
        let together = way.solve(&batch);
        for (column, y) in together.columns().iter().zip(y.chunks(10)).take(2) {
            let problem = Problem::new(a.clone(), y, Lambda::Fixed(0.3)).unwrap();
            let alone = way.solve(&problem);
            assert!(distance(alone.columns()[0].x(), column.x()) < 1e-4, "{way:?}");
        }
    }
}

#[test]
fn groups_have_operators_of_their_own_and_tensors_are_groups() {
    let (groups, n, m, columns) = (3, 8, 20, 2);
    let (rows, y) = (normal(groups * n * m, 41), normal(groups * n * columns, 42));
    for (name, device) in devices() {
        let tensor = |values: &[f64], extents: [usize; 3]| {
            let values: Vec<f32> = values.iter().map(|value| *value as f32).collect();
            Tensor::<3>::from_data(TensorData::new(values, extents), &device)
        };
        // y of a tensor has its columns last
        let y_tensor = tensor(&y, [groups, columns, n]).swap_dims(1, 2);
        let problem =
            Problem::from_tensors(&tensor(&rows, [groups, n, m]), &y_tensor, Lambda::Ratio(0.05))
                .unwrap();
        let settings = Settings {
            algorithm: Algorithm::Halpern,
            max_iterations: 300,
            tolerance: 1e-8,
            ..Settings::default()
        };
        let all = problem.solve(&settings).unwrap();
        assert_eq!(all.columns().len(), groups * columns);
        for group in 0..groups {
            let rows = &rows[group * n * m..(group + 1) * n * m];
            let a = Matrix::from_rows(n, m, rows).unwrap();
            let y = &y[group * n * columns..(group + 1) * n * columns];
            let alone = Problem::new(a, y, Lambda::Ratio(0.05)).unwrap();
            let alone = alone.solve(&Settings::default()).unwrap();
            let all = &all.columns()[group * columns..];
            for (alone, together) in alone.columns().iter().zip(all) {
                assert!(distance(alone.x(), together.x()) < 1e-4, "{name}, group {group}");
            }
        }
    }
}

#[test]
fn a_solution_is_its_own_warm_start() {
    let (_, problem) = random(12, 30, 3, 0.3, 51);
    for way in ways() {
        let settings = way.settings();
        let first = way.solve(&problem);
        let again = problem.solve_from(&settings, &first).unwrap();
        assert!(again.converged() && again.iterations() == 0, "{way:?}: {again:?}");
        let nearby = problem.with_lambda(Lambda::Fixed(0.29)).unwrap();
        let warm = nearby.solve_from(&settings, &first).unwrap();
        let cold = nearby.solve(&settings).unwrap();
        assert!(warm.converged(), "{way:?}: {warm:?}");
        // In f32 neither gets to 1e-9 by itself, and both end where they stall.
        let faster = warm.iterations() <= cold.iterations() || way.device != "the host";
        assert!(faster, "{way:?}: {warm:?} {cold:?}");
    }
}

#[test]
fn the_norm_grows_as_lambda_falls_along_a_path() {
    let (_, problem) = random(15, 40, 2, 1.0, 61);
    let lambdas: Vec<Lambda> = (1..8).map(|k| Lambda::Ratio(0.5_f64.powi(k))).collect();
    for algorithm in [Algorithm::Homotopy, Algorithm::Ssnal, Algorithm::Halpern] {
        let settings = Settings { algorithm, tolerance: 1e-9, ..Settings::default() };
        let path = problem.path(&settings, &lambdas).unwrap();
        for pair in path.windows(2) {
            for (large, small) in pair[0].columns().iter().zip(pair[1].columns()) {
                let norm = |x: &[f64]| x.iter().map(|x| x.abs()).sum::<f64>();
                assert!(norm(large.x()) <= norm(small.x()) * (1.0 + 1e-6), "{algorithm}");
                assert_eq!(small.status(), Status::Converged, "{algorithm}");
            }
        }
    }
}

#[test]
fn an_operator_without_entries_is_solved_without_forming_any() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let a = SubsampledDct::draw(40, 200, &mut rng).unwrap();
    let mut entries = vec![0.0; 40 * 200];
    let ids: Vec<usize> = (0..200).collect();
    a.select(&ids, &mut entries);
    let rows: Vec<f64> =
        (0..40 * 200).map(|place| entries[place % 200 * 40 + place / 200]).collect();
    let y = normal(80, 3);
    let implicit = Problem::new(a, &y, Lambda::Ratio(0.02)).unwrap();
    let dense = Problem::new(Matrix::from_rows(40, 200, rows).unwrap(), &y, Lambda::Ratio(0.02));
    let settings = Settings { tolerance: 1e-8, ..Settings::default() };
    let dense = dense.unwrap().solve(&settings).unwrap();
    for algorithm in [Algorithm::Auto, Algorithm::Halpern, Algorithm::Homotopy, Algorithm::Ssnal] {
        let solutions = implicit.solve(&Settings { algorithm, ..settings }).unwrap();
        for (a, b) in solutions.columns().iter().zip(dense.columns()) {
            assert_eq!(a.status(), Status::Converged, "{algorithm}");
            assert!(distance(a.x(), b.x()) < 1e-4, "{algorithm}");
        }
    }
    let large = cs_solver::synthetic::subsampled_dct(600, 513, 1, 1).unwrap();
    assert_eq!(cs_solver::auto::choose(&large), Algorithm::Halpern);
    let fista = Settings { algorithm: Algorithm::Fista, ..settings };
    assert!(matches!(implicit.solve(&fista), Err(SolverError::Unsuitable { .. })));
}
