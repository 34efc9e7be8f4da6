//! What rounding may do, and must not: small weights, broken operators, the same certificate again.

use cs_solver::{Algorithm, Lambda, Matrix, Operator, Problem, Settings, Solution, Status};

use super::{Way, normal, random, ways};

/// Columns of several sizes, wide, square and tall.
const SIZES: [(usize, usize); 7] =
    [(4, 8), (10, 30), (20, 200), (32, 64), (64, 64), (100, 300), (60, 40)];

#[test]
fn small_weights_are_certified_to_1e_8() {
    let mut count = 0;
    for (n, m) in SIZES {
        for (ratio, seed) in [1e-4, 1e-6, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12].into_iter().zip(0..) {
            let a = Matrix::from_rows(n, m, normal(n * m, 100 + seed)).unwrap();
            let y = normal(n * 4, 200 + seed);
            let problem = Problem::new(a, &y, Lambda::Ratio(ratio)).unwrap();
            for algorithm in [Algorithm::Homotopy, Algorithm::Ssnal] {
                let settings = Settings { algorithm, tolerance: 1e-8, ..Settings::default() };
                for solution in problem.solve(&settings).unwrap().columns() {
                    let what =
                        format!("{algorithm} {n}×{m} {ratio:e}: {:?}", solution.certificate());
                    let certificate = solution.certificate();
                    count += 1;
                    // ν as large as a residual that λ does not shrink: its own rounding breaks its bound.
                    if n <= m || ratio > 1e-12 {
                        assert_eq!(solution.status(), Status::Converged, "{what}");
                    } else {
                        assert!(certificate.relative_gap < 1e-6, "{what}");
                    }
                }
            }
        }
    }
    assert_eq!(count, 7 * 7 * 4 * 2);
}

/// A matrix whose transposed product is half of what it should be: dual points look feasible that are not.
#[derive(Debug)]
struct Lying(Matrix);

impl Operator for Lying {
    fn rows(&self) -> usize {
        self.0.rows()
    }
    fn columns(&self) -> usize {
        self.0.columns()
    }
    fn apply(&self, x: &[f64], product: &mut [f64]) {
        self.0.apply(x, product);
    }
    fn apply_transposed(&self, v: &[f64], product: &mut [f64]) {
        self.0.apply_transposed(v, product);
        for value in product.iter_mut() {
            *value *= 0.5;
        }
    }
    fn select(&self, ids: &[usize], entries: &mut [f64]) {
        self.0.select(ids, entries);
    }
}

#[test]
fn a_gap_below_zero_is_not_converged() {
    let (a, _) = random(6, 14, 1, 0.3, 3);
    let y = normal(6, 4);
    let x = Problem::new(a.clone(), &y, Lambda::Fixed(0.3)).unwrap();
    let x = x.solve(&Settings::default()).unwrap().columns()[0].clone();
    let problem = Problem::new(Lying(a), &y, Lambda::Fixed(0.3)).unwrap();
    let doubled: Vec<f64> = x.nu().iter().map(|nu| 2.0 * nu).collect();
    let judged = problem.certify_with(x.x(), &doubled, 1e-4).unwrap();
    let certificate = judged.columns()[0].certificate();
    assert!(certificate.relative_gap < -1e-3 && certificate.rounding < 1e-9, "{certificate:?}");
    assert_eq!(judged.status(), Status::Missed);
}

#[test]
fn what_is_returned_has_the_same_certificate_again() {
    for (n, m, ratio) in
        [(6, 14, 0.1), (20, 200, 1e-3), (33, 12, 1e-2), (51, 512, 1e-4), (40, 60, 1e-9)]
    {
        let a = Matrix::from_rows(n, m, normal(n * m, 7)).unwrap();
        let problem = Problem::new(a, &normal(n * 4, 8), Lambda::Ratio(ratio)).unwrap();
        for way in ways() {
            let settings = Settings { tolerance: 1e-6, ..way.settings() };
            let solved = way.try_solve(&problem, settings).unwrap();
            let stack = |part: fn(&Solution) -> &[f64]| -> Vec<f64> {
                solved.columns().iter().flat_map(part).copied().collect()
            };
            let again =
                problem.certify_with(&stack(Solution::x), &stack(Solution::nu), 1e-6).unwrap();
            for (solved, again) in solved.columns().iter().zip(again.columns()) {
                let (one, two) = (solved.certificate(), again.certificate());
                assert_eq!(one, two, "{way:?} {n}×{m}");
                assert_eq!((solved.x(), solved.nu()), (again.x(), again.nu()), "{way:?}");
            }
        }
    }
}

#[test]
fn zeros_have_no_sign() {
    let (_, problem) = random(16, 40, 4, 1.0, 9);
    for way in ways() {
        let settings = Settings { tolerance: 1e-2, polish: false, ..way.settings() };
        let solutions = way.try_solve(&problem, settings).unwrap();
        let mut zeros = solutions.columns().iter().flat_map(Solution::x).filter(|x| **x == 0.0);
        assert!(zeros.clone().count() > 0 && zeros.all(|x| x.is_sign_positive()), "{way:?}");
    }
}

#[test]
fn operations_are_counted_as_they_are_done() {
    let (n, m) = (30, 80);
    let (_, problem) = random(n, m, 2, 0.5, 21);
    let product = 2.0 * (n * m) as f64;
    let flops = |algorithm, device| {
        let way = Way { algorithm, device };
        let solutions =
            way.try_solve(&problem, Settings { tolerance: 1e-2, ..way.settings() }).unwrap();
        let column = &solutions.columns()[0];
        (column.flops() / product, column.iterations() as f64)
    };
    // A product a piece and six around it; the active columns take less than that again.
    let (products, pieces) = flops(Algorithm::Homotopy, "the host");
    assert!(products > pieces + 6.0 && products < 3.0 * (pieces + 6.0), "{products} {pieces}");
    // Two products a step, and dense linear algebra beside them.
    let (products, steps) = flops(Algorithm::Ssnal, "the host");
    assert!(products > 2.0 * steps, "{products} {steps}");
    // A Aᵀ, its eigenvalues and the rotated A are shared by two columns.
    let (products, iterations) = flops(Algorithm::Halpern, "flex");
    let setup = (n as f64 + 4.5 * (n * n) as f64 / m as f64 + n as f64) / 2.0;
    assert!(products > 2.0 * iterations + setup, "{products} {iterations} {setup}");
    let (products, iterations) = flops(Algorithm::Fista, "flex");
    assert!(products > 2.0 * iterations, "{products} {iterations}");
}
