//! The arguments of `rayclip compress`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::{ConfigArgs, METHODS, OutArgs, RunOptionArgs, seed};

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("how_far").required(true).multiple(true).args(["target_macs", "target_parameters", "target_latency", "max_drop"]))]
pub(crate) struct CompressArgs {
    /// The network with its weights: a file of rayclip, safetensors, a state dict of PyTorch (.pt, .pth), ONNX; or the
    /// folder of a run with one network
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::AnyPath)]
    pub(crate) file: PathBuf,
    /// Criterion that ranks the neurons: dtc, magnitude, l1, l2, random, taylor, activation or data-lasso
    /// [default: l2]
    #[arg(long, value_name = "NAME", value_parser = METHODS, hide_possible_values = true)]
    pub(crate) method: Option<String>,
    /// Seed of the order of the images, and of whatever else is drawn
    #[arg(long, value_name = "SEED", value_parser = seed, allow_negative_numbers = true)]
    pub(crate) seed: Option<u64>,
    /// Also write the smaller network to this file, .onnx or .safetensors
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) save: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    #[command(flatten)]
    pub(crate) options: RunOptionArgs,
    #[command(flatten)]
    pub(crate) out: OutArgs,
}
