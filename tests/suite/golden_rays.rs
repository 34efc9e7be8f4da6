//! The recorded run of the paper's author: Θ, measurements and exact rays of every even cycle.
//!
//! Data: M. Süzen, doi:10.5281/zenodo.15751974 (CC BY 4.0), re-packed.

use burn::tensor::{Device, Tensor, TensorData};
use cs_solver::fista::{self, FistaSettings};
use cs_solver::{Matrix, Status, certificate::certify, dct, gaussian, homotopy};
use safetensors::SafeTensors;

use crate::support::golden_data;

const LAMBDA: f64 = 0.3;
/// Relative excess of the objective.
const FISTA_EXCESS: f64 = 5e-4;

struct Recorded {
    theta: Vec<f64>,
    n: usize,
    m: usize,
    /// Measurement and exact ray of both sides.
    sides: [(Vec<f64>, Vec<f64>); 2],
    author_ray_sum: Vec<f64>,
}

fn recorded(test: &str) -> Option<Vec<(usize, Recorded)>> {
    let path = golden_data(test)?.join("dtc-reference/rays.safetensors");
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let values = |name: String| -> Vec<f64> {
        let (words, _) = file.tensor(&name).unwrap().data().as_chunks::<8>();
        words.iter().map(|word| f64::from_le_bytes(*word)).collect()
    };
    let cycles = (0..34).step_by(2).map(|cycle| {
        let of = |part: &str| values(format!("cycle_{cycle:02}.{part}"));
        let theta = file.tensor(&format!("cycle_{cycle:02}.theta")).unwrap();
        let recorded = Recorded {
            n: theta.shape()[0],
            m: theta.shape()[1],
            theta: of("theta"),
            sides: [(of("y_previous"), of("ray_previous")), (of("y_next"), of("ray_next"))],
            author_ray_sum: of("author_ray_sum"),
        };
        (cycle, recorded)
    });
    Some(cycles.collect())
}

fn relative_error(got: &[f64], expected: &[f64]) -> f64 {
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    norm(&mut got.iter().zip(expected).map(|(a, b)| a - b)) / norm(&mut expected.iter().copied())
}

#[test]
fn the_homotopy_reproduces_every_recorded_ray() {
    let Some(cycles) = recorded("golden rays") else { return };
    for (cycle, recorded) in cycles {
        let a = Matrix::from_rows(recorded.n, recorded.m, &recorded.theta).unwrap();
        let mut sum = vec![0.0; recorded.m];
        for (y, ray) in &recorded.sides {
            let solution = homotopy::solve(&a, y, LAMBDA).unwrap();
            let error = relative_error(&solution.x, ray);
            assert!(error < 1e-8, "cycle {cycle}: {error:e}");
            let support = |x: &[f64]| x.iter().map(|value| *value != 0.0).collect::<Vec<_>>();
            assert_eq!(support(&solution.x), support(ray), "support in cycle {cycle}");
            let certificate = certify(&a, y, LAMBDA, &solution.x);
            assert!(certificate.relative_gap < 1e-9, "cycle {cycle}: {certificate:?}");
            sum.iter_mut().zip(&solution.x).for_each(|(sum, value)| *sum += value);
        }
        // The author's solver left a relative error of 7e-8 to 2e-2.
        let error = relative_error(&sum, &recorded.author_ray_sum);
        assert!(error < 0.03, "cycle {cycle}: {error:e}");
    }
}

/// In f32, at `λ/λ_max` of 1e-4 to 5e-3, the iteration stalls a little above the optimum.
#[test]
fn fista_comes_close_to_every_recorded_optimum() {
    let Some(cycles) = recorded("golden rays by fista") else { return };
    let device = Device::flex();
    let tensor = |values: Vec<f64>, extents: [usize; 3]| {
        let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
        Tensor::<3>::from_data(TensorData::new(values, extents), &device)
    };
    for (cycle, recorded) in cycles {
        let (n, m) = (recorded.n, recorded.m);
        let a = Matrix::from_rows(n, m, &recorded.theta).unwrap();
        let [previous, next] = &recorded.sides;
        let y = previous.0.iter().zip(&next.0).flat_map(|(a, b)| [*a, *b]).collect();
        let (theta, y) = (tensor(recorded.theta.clone(), [1, n, m]), tensor(y, [1, n, 2]));
        let solution = fista::solve(&theta, &y, LAMBDA, &FistaSettings::default()).unwrap();
        assert_ne!(solution.status, Status::NonFinite, "cycle {cycle}");
        let x: Vec<f32> = solution.x.into_data().try_to_vec().unwrap();
        for (side, (y, ray)) in recorded.sides.iter().enumerate() {
            let x: Vec<f64> = x.iter().skip(side).step_by(2).map(|v| f64::from(*v)).collect();
            let optimum = certify(&a, y, LAMBDA, ray).primal;
            let excess = certify(&a, y, LAMBDA, &x).primal / optimum - 1.0;
            println!(
                "cycle {cycle}, side {side}: {excess:.1e}, {} iterations",
                solution.iterations
            );
            assert!(excess < FISTA_EXCESS, "cycle {cycle}, side {side}: {excess:e}");
        }
    }
}

#[test]
fn the_supplements_theta_comes_from_its_seed() {
    let Some(cycles) = recorded("golden theta") else { return };
    for (cycle, recorded) in cycles {
        let mut theta = gaussian::numpy_standard_normal(recorded.n * recorded.m, 42_424_242);
        dct::transform_rows(&mut theta, recorded.m).unwrap();
        for (got, expected) in theta.iter().zip(&recorded.theta) {
            assert!((got - expected).abs() < 1e-12, "cycle {cycle}: {got} {expected}");
        }
    }
}
