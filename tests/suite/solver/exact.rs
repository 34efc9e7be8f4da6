//! Certificates and solutions against exact ones, in rational numbers: `tests/golden/exact_lasso.py`.

use cs_solver::certificate::certify;
use cs_solver::{Algorithm, Lambda, Matrix, Problem, Settings, Status};
use serde_json::Value;

struct Case {
    a: Matrix,
    y: Vec<f64>,
    lambda: f64,
    /// The smallest objective.
    optimum: f64,
    /// The solution.
    x: Vec<f64>,
    points: Vec<Point>,
}

/// A point of f64 numbers and what it is worth exactly.
struct Point {
    x: Vec<f64>,
    nu: Vec<f64>,
    primal: f64,
    /// Of the largest multiple of ν, 1 at most, that is feasible.
    dual: f64,
}

/// Numbers, or texts of 60 digits, as the nearest f64.
fn number(value: &Value) -> f64 {
    value.as_str().map_or_else(|| value.as_f64().unwrap(), |text| text.parse().unwrap())
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

fn cases() -> Vec<Case> {
    let file: Value = serde_json::from_str(include_str!("../../golden/exact_lasso.json")).unwrap();
    let case = |case: &Value| {
        let extent = |name: &str| case[name].as_u64().unwrap() as usize;
        let points = case["points"].as_array().unwrap().iter().map(|point| Point {
            x: numbers(&point["x"]),
            nu: numbers(&point["nu"]),
            primal: number(&point["primal"]),
            dual: number(&point["dual"]),
        });
        Case {
            a: Matrix::from_rows(extent("n"), extent("m"), numbers(&case["a"])).unwrap(),
            y: numbers(&case["y"]),
            lambda: number(&case["lambda"]),
            optimum: number(&case["optimum"]),
            x: numbers(&case["x"]),
            points: points.collect(),
        }
    };
    file["cases"].as_array().unwrap().iter().map(case).collect()
}

/// What the texts lose as f64, as a fraction.
const READ: f64 = f64::EPSILON;

#[test]
fn a_certificate_is_off_by_no_more_than_it_says() {
    for case in cases() {
        for point in &case.points {
            let (certificate, nu) = certify(&case.a, &case.y, case.lambda, &point.x, &point.nu);
            let may = (certificate.rounding + READ) * certificate.primal;
            let what = format!("{} × {}: {certificate:?}", case.y.len(), case.x.len());
            let primal = certificate.primal - point.primal;
            assert!(primal.abs() <= may, "{primal:e} {what}");
            // No worse than the multiple of this ν, and no better than any can be.
            assert!(certificate.dual >= point.dual - may, "{:e} {what}", point.dual);
            assert!(certificate.dual <= case.optimum + may, "{:e} {what}", case.optimum);
            // What is claimed: how far the objective is above the smallest at most.
            let above = (point.primal - case.optimum) / certificate.primal;
            assert!(above <= certificate.relative_gap + certificate.rounding + READ, "{what}");
            assert!(certificate.rounding < 1e-4 && nu.len() == case.y.len(), "{what}");
        }
    }
}

#[test]
fn solutions_are_the_exact_ones_to_a_tolerance_of_1e_12() {
    let (mut converged, mut all) = (0, 0);
    for case in cases() {
        let problem = Problem::new(case.a.clone(), &case.y, Lambda::Fixed(case.lambda)).unwrap();
        for algorithm in [Algorithm::Homotopy, Algorithm::Descent, Algorithm::Ssnal] {
            let settings = Settings { algorithm, tolerance: 1e-12, ..Settings::default() };
            let solutions = problem.solve(&settings).unwrap();
            let solution = &solutions.columns()[0];
            let certificate = solution.certificate();
            let what = format!("{algorithm} {} × {}: {solution:?}", case.y.len(), case.x.len());
            let above = certificate.primal / case.optimum - 1.0;
            assert!(above.abs() <= 1e-12, "{above:e} {what}");
            assert!(certificate.dual <= case.optimum * (1.0 + certificate.rounding), "{what}");
            let size = case.x.iter().fold(0.0_f64, |max, x| max.max(x.abs()));
            let off = super::distance(solution.x(), &case.x);
            assert!(off <= 1e-5 * size, "{off:e} {what}");
            all += 1;
            converged += usize::from(solution.status() == Status::Converged);
            // With more rows than columns ν is as large as the residual, and its rounding shows.
            let shows = case.y.len() <= case.x.len() || case.lambda > 1e-6;
            assert!(!shows || solution.status() == Status::Converged, "{what}");
        }
    }
    assert!(10 * converged >= 9 * all, "{converged} of {all}");
}
