//! The differences between two configurations, for messages.

use toml::{Table, Value};

use super::RunConfig;
use super::document::leaves;

/// This many keys are named; of the others, only their number.
const NAMED: usize = 4;

/// Returns the keys in which a stored configuration differs from the requested one, with both values, in one line.
pub fn differing(stored: &RunConfig, asked: &RunConfig) -> String {
    let (stored, asked) = (table(stored), table(asked));
    let differences: Vec<String> = asked
        .iter()
        .filter_map(|(key, asked)| {
            let stored = stored.iter().find(|(other, _)| other == key).map(|(_, value)| value);
            (stored != Some(asked)).then(|| {
                let stored = stored.map_or("nothing".to_owned(), Value::to_string);
                format!("{key} is {stored} there and {asked} here")
            })
        })
        .collect();
    let named = differences[..differences.len().min(NAMED)].join(", ");
    match differences.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} (+{more} more)"),
    }
}

#[expect(clippy::expect_used, reason = "a configuration is a table of plain values")]
fn table(config: &RunConfig) -> Vec<(String, Value)> {
    leaves(&Table::try_from(config).expect("a configuration has no key that TOML cannot hold"))
}

/// Describes a run in a few words: its methods, its data and its seeds.
pub fn described(config: &RunConfig) -> String {
    let methods: Vec<String> = config.compression.methods.iter().map(ToString::to_string).collect();
    let last = config.seed.saturating_add(config.replicas as u64).saturating_sub(1);
    let seeds = match config.replicas {
        1 => format!("seed {last}"),
        _ => format!("seeds {} to {last}", config.seed),
    };
    format!("{} on {}, {seeds}", methods.join(", "), config.data.source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::presets::{Layers, Setting, resolve};

    #[test]
    fn the_keys_that_differ_are_named_with_both_values() {
        let config = |settings: &[&str]| {
            let settings = settings.iter().map(|text| Setting::parse(text).unwrap()).collect();
            resolve(&Layers { settings, ..Layers::default() }).unwrap()
        };
        let stored = config(&["seed=3", "network.hidden=[64, 32]", "replicas=2"]);
        assert_eq!(differing(&stored, &stored), "");
        let one = differing(&stored, &RunConfig { seed: 4, ..stored.clone() });
        assert_eq!(one, "seed is 3 there and 4 here");
        let many = ["training.batch_size=9", "training.learning_rate=0.5", "compression.keep=0.5"];
        let many = differing(&stored, &config(&many));
        assert!(many.contains("network.hidden is [64, 32] there and [512] here"), "{many}");
        assert!(many.ends_with("(+2 more)"), "{many}");
        assert_eq!(described(&stored), "dtc on digits, seeds 3 to 4");
    }
}
