//! Times every algorithm of the solver: `cargo bench --workspace --bench solver`.
#![expect(clippy::expect_used, reason = "a benchmark may end if something is missing")]

use std::hint::black_box;

use burn::tensor::Device;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use cs_solver::synthetic::gaussian_dct;
use cs_solver::{Algorithm, Settings};

fn on_the_host(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("f64, to the end");
    group.sample_size(10);
    for algorithm in [Algorithm::Homotopy, Algorithm::Ssnal] {
        let settings = Settings { algorithm, ..Settings::default() };
        for (m, n, columns) in [(64, 32, 2), (512, 51, 2), (512, 51, 64), (512, 256, 2)] {
            let problem = gaussian_dct(m, n, columns, 1).expect("extents are large enough");
            group.throughput(Throughput::Elements(columns as u64));
            let id = BenchmarkId::new(algorithm.name(), format!("{m}x{n}, {columns}"));
            group.bench_function(id, |bench| bench.iter(|| black_box(&problem).solve(&settings)));
        }
    }
}

#[expect(deprecated, reason = "Burn 0.23 removes the backend; until then rayclip supports it")]
fn on_a_device(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("f32, 1000 iterations");
    group.sample_size(10);
    for algorithm in [Algorithm::Fista, Algorithm::Halpern] {
        let settings = Settings { algorithm, max_iterations: 1000, tolerance: 1e-5, polish: false };
        for (name, device) in [("flex", Device::flex()), ("ndarray", Device::ndarray())] {
            for (m, n, columns) in [(512, 51, 2), (512, 51, 64)] {
                let problem = gaussian_dct(m, n, columns, 1).expect("extents are large enough");
                let problem = problem.on(&device);
                group.throughput(Throughput::Elements(columns as u64));
                let id = format!("{algorithm} {m}x{n}, {columns}");
                // The answers are read from the device, so all work is finished.
                group.bench_function(BenchmarkId::new(name, id), |bench| {
                    bench.iter(|| black_box(&problem).solve(&settings));
                });
            }
        }
    }
}

criterion_group!(benches, on_the_host, on_a_device);
criterion_main!(benches);
