//! Problems a second of the two solvers: `cargo bench --workspace --bench solver`.

use std::hint::black_box;

use burn::tensor::{Device, Tensor, TensorData};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use cs_solver::fista::{self, FistaSettings};
use cs_solver::{Matrix, homotopy};
use rayclip_benches::{LAMBDA, Problem, gaussian_dct};

fn exact(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("homotopy");
    group.sample_size(10);
    for (m, n, columns) in [(64, 32, 2), (512, 51, 2), (512, 51, 64), (512, 256, 2)] {
        let problem = gaussian_dct(m, n, columns, 1).expect("extents are large enough");
        let problems: Vec<(&Matrix, &[f64])> =
            problem.measurements.iter().map(|y| (&problem.matrix, y.as_slice())).collect();
        group.throughput(Throughput::Elements(columns as u64));
        group.bench_function(BenchmarkId::from_parameter(format!("{m}x{n}, {columns}")), |bench| {
            bench.iter(|| homotopy::solve_all(black_box(&problems), LAMBDA));
        });
    }
}

#[expect(deprecated, reason = "Burn 0.23 drops the backend; until then it is one of ours")]
fn iterative(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fista, 1000 iterations");
    group.sample_size(10);
    let settings = FistaSettings { max_iterations: 1000, tolerance: 1e-12, ..Default::default() };
    for (name, device) in [("flex", Device::flex()), ("ndarray", Device::ndarray())] {
        for (m, n, columns) in [(512, 51, 2), (512, 51, 64)] {
            let problem = gaussian_dct(m, n, columns, 1).expect("extents are large enough");
            let (a, y) = tensors(&problem, m, n, columns, &device);
            group.throughput(Throughput::Elements(columns as u64));
            let id = BenchmarkId::new(name, format!("{m}x{n}, {columns}"));
            // The solver reads the gap at the end, so the device has done all work by then.
            group.bench_function(id, |bench| {
                bench.iter(|| fista::solve(black_box(&a), &y, LAMBDA, &settings));
            });
        }
    }
}

fn tensors(
    problem: &Problem,
    m: usize,
    n: usize,
    columns: usize,
    device: &Device,
) -> (Tensor<3>, Tensor<3>) {
    let tensor = |values: Vec<f32>, extents: [usize; 3]| {
        Tensor::from_data(TensorData::new(values, extents), device)
    };
    let theta = problem.theta.iter().map(|value| *value as f32).collect();
    let y =
        (0..n).flat_map(|row| problem.measurements.iter().map(move |y| y[row] as f32)).collect();
    (tensor(theta, [1, n, m]), tensor(y, [1, n, columns]))
}

criterion_group!(benches, exact, iterative);
criterion_main!(benches);
