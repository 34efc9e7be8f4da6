//! Times one clip with the training before and after it: `cargo bench --workspace --bench training`.
#![expect(clippy::expect_used, reason = "a benchmark may end if something is missing")]

use burn::tensor::Device;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rayclip_data::digits::{DigitsConfig, draw};
use rayclip_run_folder::presets::{Layers, Setting, resolve};
use rayclip_trainer::{Backend, Event, Observer, RunDir, RunOptions, run};

const BATCHES: u64 = 20;

struct Silent;

impl Observer for Silent {
    fn notify(&mut self, _: &Event<'_>) {}
}

#[expect(deprecated, reason = "Burn 0.23 removes the backend; until then rayclip supports it")]
/// Times training steps at three widths. A sample has two cycles of training and one clip.
fn steps(criterion: &mut Criterion) {
    let digits = DigitsConfig { train: 5120, test: 512, seed: 0 };
    let data = draw(&digits, &|_, _| ()).expect("the built-in digits can be drawn");
    let mut group = criterion.benchmark_group("training steps with one clip");
    group.sample_size(10).throughput(Throughput::Elements(2 * BATCHES));
    for width in [512, 243, 51] {
        let settings = [
            format!("network.hidden=[{width}]"),
            format!("compression.min_width={}", width - 1),
            format!("training.batches_per_cycle={BATCHES}"),
        ];
        let settings =
            settings.iter().map(|text| Setting::parse(text).expect("key=value")).collect();
        let config = resolve(&Layers { settings, ..Layers::default() }).expect("it is valid");
        for (name, device) in [("flex", Device::flex()), ("ndarray", Device::ndarray())] {
            group.bench_function(BenchmarkId::new(name, width), |bench| {
                bench.iter(|| {
                    let folder = tempfile::tempdir().expect("there is a place for a folder");
                    let path = folder.path().join("run");
                    let folder = RunDir::create(&path, &config).expect("the folder is new");
                    run(
                        &config,
                        data.clone(),
                        Backend { device: &device, name },
                        &RunOptions::default(),
                        &folder,
                        &mut Silent,
                    )
                });
            });
        }
    }
}

criterion_group!(benches, steps);
criterion_main!(benches);
