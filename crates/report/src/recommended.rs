//! What the preset `recommended` reaches, measured once.

use rayclip_run_folder::RunConfig;
use serde::Deserialize;

use crate::read::run::Run;

/// The measurements, with the command that repeats them.
const MEASURED: &str = include_str!("../../../assets/recommended.csv");

/// Accuracies of perceptrons with one hidden layer on test images: means over seeds, and half of their 95 % intervals.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Measured {
    data: String,
    /// SHA-256 of the data.
    digest: String,
    /// Neurons before the first clip.
    first: usize,
    /// Neurons after the last clip.
    neurons: usize,
    seeds: usize,
    accuracy: f64,
    half_width: f64,
    scratch: f64,
    scratch_half_width: f64,
}

/// Returns a sentence that says what the preset `recommended` reaches with a network of the size that a run ends with;
/// `None` if nobody has measured it.
pub fn recommended_sentence(run: &Run) -> Option<String> {
    let config = run.settings.as_ref().filter(|config| config.preset != "recommended")?;
    let neurons = run.rungs().values().last()?.neurons();
    sentence(&measured()?, config, &run.data.digest, neurons)
}

fn measured() -> Option<Vec<Measured>> {
    csv::Reader::from_reader(MEASURED.as_bytes()).into_deserialize().collect::<Result<_, _>>().ok()
}

fn sentence(all: &[Measured], config: &RunConfig, digest: &str, neurons: usize) -> Option<String> {
    let is_perceptron = config.network.is_mlp() && !config.network.bias;
    let [first] = config.network.hidden[..] else { return None };
    let same = |m: &&Measured| m.digest == digest && m.first == first && m.neurons == neurons;
    let measured = all.iter().find(same).filter(|_| is_perceptron)?;
    let Measured { data, seeds, accuracy, half_width, scratch, scratch_half_width, .. } = measured;
    Some(format!(
        "for comparison: with {neurons} neurons on {data}, --preset recommended reaches {accuracy:.4} ± {half_width:.4}, \
         and a fresh network of this size {scratch:.4} ± {scratch_half_width:.4} ({seeds} seeds; docs/beating-scratch.md)"
    ))
}

#[cfg(test)]
mod tests {
    use rayclip_run_folder::presets::{Layers, Setting, resolve};

    use super::*;

    #[test]
    fn what_was_measured_is_told_for_the_same_data_and_size_only() {
        let all = measured().unwrap();
        let Measured { digest, neurons, first, .. } = &all[0];
        assert_eq!(*first, 512);
        let config = |hidden: &str| {
            let settings = vec![Setting::parse(&format!("network.hidden={hidden}")).unwrap()];
            resolve(&Layers { settings, ..Layers::default() }).unwrap()
        };
        let text = sentence(&all, &config("[512]"), digest, *neurons).unwrap();
        assert!(text.contains("--preset recommended reaches 0.9"), "{text}");
        assert_eq!(sentence(&all, &config("[512]"), digest, neurons + 1), None);
        assert_eq!(sentence(&all, &config("[512]"), "other", *neurons), None);
        assert_eq!(sentence(&all, &config("[400]"), digest, *neurons), None);
        assert_eq!(sentence(&all, &config("[512, 9]"), digest, *neurons), None);
    }
}
