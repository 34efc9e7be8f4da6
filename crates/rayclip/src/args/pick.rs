//! The arguments of `rayclip pick`.

use std::path::PathBuf;

use clap::Args;

/// Options of `rayclip pick`.
#[derive(Debug, Args)]
pub(crate) struct PickArgs {
    /// The run folder
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,
    /// Pick the smallest network with at least this accuracy (on the held-out images, if the run has any)
    #[arg(long, value_name = "ACCURACY", value_parser = fraction)]
    pub(crate) accuracy: Option<f64>,
    /// Pick the smallest network whose accuracy is at most this much below the accuracy before its first clip
    #[arg(long, value_name = "ACCURACY", value_parser = fraction)]
    pub(crate) max_drop: Option<f64>,
    /// At most this many hidden neurons; without an accuracy, pick the largest network that fits
    #[arg(long, value_name = "NEURONS", value_parser = super::at_least_one)]
    pub(crate) neurons: Option<usize>,
    /// At most this many weights and biases; without an accuracy, pick the largest network that fits
    #[arg(long, value_name = "COUNT", value_parser = super::at_least_one)]
    pub(crate) parameters: Option<usize>,
    /// Only networks of this method
    #[arg(long, value_name = "NAME", value_parser = super::METHODS, hide_possible_values = true)]
    pub(crate) method: Option<String>,
    /// Only networks of this seed
    #[arg(long, value_name = "SEED", value_parser = super::seed, allow_negative_numbers = true)]
    pub(crate) seed: Option<u64>,
    /// File to write [default: `METHOD_seed_SEED_NEURONS.safetensors` here]
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) out: Option<PathBuf>,
    /// Print one JSON object on stdout
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

fn fraction(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(value) if (0.0..=1.0).contains(&value) => Ok(value),
        _ => Err("expected a number between 0 and 1, such as 0.98".into()),
    }
}
