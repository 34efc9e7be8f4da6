//! The arguments of `rayclip clip`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use rayclip_run_folder::config::DeviceChoice;

use super::{FileArgs, METHODS, at_least_one, device_choice, part, seed};

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("how_small").required(true).args(["keep", "target_macs", "target_parameters"]))]
pub(crate) struct ClipArgs {
    /// The network: an ONNX file, safetensors, a state dict of PyTorch (.pt, .pth), or the folder of a run
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Of a run: the network of this replica, named as its folder in networks/
    #[arg(long, value_name = "METHOD_seed_SEED")]
    pub(crate) replica: Option<String>,
    #[command(flatten)]
    pub(crate) of_file: FileArgs,
    /// Keep this fraction of the channels of every group, for example 0.75
    #[arg(long, value_name = "FRACTION", value_parser = part)]
    pub(crate) keep: Option<f64>,
    /// Clip to this part of the multiply-accumulates, for example 0.5
    #[arg(long, value_name = "FRACTION", value_parser = part)]
    pub(crate) target_macs: Option<f64>,
    /// Clip to this part of the parameters
    #[arg(long, value_name = "FRACTION", value_parser = part)]
    pub(crate) target_parameters: Option<f64>,
    /// Criterion that ranks the channels by their weights: l2, l1, magnitude, dtc or random
    #[arg(long, value_name = "NAME", default_value = "l2", value_parser = METHODS, hide_possible_values = true)]
    pub(crate) method: String,
    /// Clip only these groups, such as layer1.*,fc1
    #[arg(long, value_name = "GROUPS", value_delimiter = ',')]
    pub(crate) groups: Vec<String>,
    /// Do not clip these groups
    #[arg(long, value_name = "GROUPS", value_delimiter = ',')]
    pub(crate) protect: Vec<String>,
    /// Widths are multiples of this number, such as 8
    #[arg(long, value_name = "COUNT", default_value = "1", value_parser = at_least_one, allow_negative_numbers = true)]
    pub(crate) round_to: usize,
    /// Keep at least this many channels of every group
    #[arg(long, value_name = "CHANNELS", default_value = "1", value_parser = at_least_one, allow_negative_numbers = true)]
    pub(crate) min_width: usize,
    /// Seed of random, of dtc, and of the order among equal scores
    #[arg(long, value_name = "SEED", default_value = "0", value_parser = seed, allow_negative_numbers = true)]
    pub(crate) seed: u64,
    /// Give extents with a name in the file a number, for example height=224,width=224
    #[arg(long, value_name = "NAME=NUMBER", value_delimiter = ',', value_parser = bound)]
    pub(crate) bind: Vec<(String, usize)>,
    /// wgpu or cuda (a GPU), ndarray or flex (the CPU), or auto: a GPU if there is one, otherwise the CPU
    #[arg(long, value_name = "NAME", default_value = "flex", value_parser = device_choice(), hide_possible_values = true)]
    pub(crate) device: DeviceChoice,
    /// File to write, .onnx or .safetensors; the original numbers of the channels are written beside it, as FILE.channels.json
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) out: PathBuf,
    /// Overwrite the file if it exists
    #[arg(long, help_heading = "Output")]
    pub(crate) force: bool,
    /// Print one JSON object on stdout
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

/// Parses a name and a number.
pub(super) fn bound(text: &str) -> Result<(String, usize), String> {
    let expected = || format!("expected a name and a number, such as height=224, found `{text}`");
    let (name, number) = text.split_once('=').ok_or_else(expected)?;
    let number = number.trim().parse().ok().filter(|number| *number > 0).ok_or_else(expected)?;
    Ok((name.trim().to_owned(), number))
}
