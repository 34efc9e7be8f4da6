//! The maximum size of a checkpoint of a run.

use rayclip_run_folder::RunConfig;

use super::rungs::Rungs;

/// Bytes that do not depend on the run: the settings, the position, names.
const FIXED: u64 = 16 << 20;

/// Upper bounds for the JSON of a replica and of a number, in bytes.
const REPLICA: u64 = 1024;
const NUMBER: u64 = 16;

/// A safety factor.
const GENEROUS: u64 = 2;

/// Returns the maximum size of a checkpoint in bytes: networks, moments, finished networks, teachers and live neurons of all
/// replicas.
pub(crate) fn most_bytes(config: &RunConfig, rungs: &Rungs) -> u64 {
    let product = |factors: &[u64]| factors.iter().fold(1, |all: u64, by| all.saturating_mul(*by));
    let replicas = config.all_replicas().len() as u64;
    let first = rungs.first();
    let (groups, neurons) = (first.widths.len() as u64, first.widths.iter().sum::<usize>() as u64);
    let single = size_of::<f32>() as u64;
    // The networks that train, with two moments; the finished one, and the one that it learns from.
    let networks = (config.training.soup as u64).saturating_mul(3).saturating_add(2);
    let tensors = product(&[replicas, first.parameters as u64, networks, single]);
    let lineage = product(&[replicas, neurons + groups + 8, NUMBER]);
    let all = [tensors, lineage, replicas.saturating_mul(REPLICA)];
    let all = all.into_iter().fold(0, u64::saturating_add);
    all.saturating_mul(GENEROUS).saturating_add(FIXED)
}

#[cfg(test)]
mod tests {
    use rayclip_model::Graph;
    use rayclip_run_folder::config::presets::{Layers, Setting, resolve};

    use super::*;

    #[test]
    fn what_a_run_needs_bounds_its_checkpoints() {
        let most = |hidden: &str, replicas: usize| {
            let settings = [format!("network.hidden={hidden}"), format!("replicas={replicas}")];
            let settings = settings.iter().map(|text| Setting::parse(text).unwrap()).collect();
            let config = resolve(&Layers { settings, ..Layers::default() }).unwrap();
            let graph = Graph::perceptron(784, &config.network.hidden, 10, true);
            most_bytes(&config, &Rungs::of(&config, &graph, 100).unwrap())
        };
        // One network of the default width and its moments have 4.9 million bytes.
        let one = most("[512]", 1) - FIXED;
        assert!((10_000_000..100_000_000).contains(&one), "{one}");
        assert_eq!(most("[512]", 10) - FIXED, 10 * one);
        // The product does not overflow.
        assert!(most("[60000]", 10_000) > 1 << 40);
    }
}
