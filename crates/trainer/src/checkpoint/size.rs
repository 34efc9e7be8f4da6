//! How large a checkpoint of a run can be.

use rayclip_model::MlpShape;

use crate::RunConfig;
use crate::ladder::ladder;

/// Bytes of a checkpoint that do not grow with the run: the settings, the place, names.
const FIXED: u64 = 16 << 20;

/// Bytes of a row of `cycles.csv`, of `timings.csv`, and of a number in JSON; each is shorter.
const ROW: u64 = 1024;
const TIMING: u64 = 256;
const NUMBER: u64 = 16;

/// What is counted is multiplied by this.
const GENEROUS: u64 = 2;

/// The most bytes of a checkpoint of a run of `config` whose first networks have `shape`: networks, moments
/// and finished networks of all replicas, and all that every clip shows.
pub(crate) fn most_bytes(config: &RunConfig, shape: &MlpShape) -> u64 {
    let product = |factors: &[u64]| factors.iter().fold(1, |all: u64, by| all.saturating_mul(*by));
    let replicas = config.all_replicas().len() as u64;
    let (layers, neurons) = (shape.hidden.len() as u64, shape.hidden.iter().sum::<usize>() as u64);
    let clips = ladder(config).len() as u64 + 1;
    let single = size_of::<f32>() as u64;
    let tensors = product(&[replicas, shape.parameters() as u64, 4 * single]);
    // Of both sides of a layer a measurement and a ray, neither longer than the layer is wide.
    let rays = product(&[clips, replicas, neurons, 4 * size_of::<f64>() as u64]);
    let kept = product(&[clips + 1, replicas, neurons + layers + 8, NUMBER]);
    let rows = product(&[clips, replicas, layers.saturating_mul(ROW).saturating_add(TIMING)]);
    let all = [tensors, rays, kept, rows, replicas.saturating_mul(ROW)];
    let all = all.into_iter().fold(0, u64::saturating_add);
    all.saturating_mul(GENEROUS).saturating_add(FIXED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets::{Layers, Setting, resolve};

    #[test]
    fn what_a_run_needs_bounds_its_checkpoints() {
        let most = |hidden: &str, replicas: usize| {
            let settings = [format!("network.hidden={hidden}"), format!("replicas={replicas}")];
            let settings = settings.iter().map(|text| Setting::parse(text).unwrap()).collect();
            let config = resolve(&Layers { settings, ..Layers::default() }).unwrap();
            let hidden = config.network.hidden.clone();
            let shape = MlpShape { replicas: 1, inputs: 784, hidden, outputs: 10, bias: true };
            most_bytes(&config, &shape)
        };
        // One network of the default width and its moments have 4.9 million bytes.
        let one = most("[512]", 1) - FIXED;
        assert!((10_000_000..100_000_000).contains(&one), "{one}");
        assert_eq!(most("[512]", 10) - FIXED, 10 * one);
        // Nothing overflows.
        assert!(most("[60000]", 10_000) > 1 << 43);
    }
}
