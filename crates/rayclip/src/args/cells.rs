//! The arguments of commands that do many runs: `sweep` and `reproduce`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use rayclip_run_folder::config::DeviceChoice;

use super::{
    ConfigArgs, METHODS, MarginArgs, RunOptionArgs, Seeds, ShowArgs, at_least_one, device_choice,
};

#[derive(Debug, Args)]
pub(crate) struct SweepArgs {
    /// A configuration file with a section [grid], which lists the values of each key to try; one combination of
    /// values is a cell
    #[arg(value_name = "GRID")]
    pub(crate) grid: PathBuf,
    /// Rank the cells by their networks with at most this many hidden neurons [default: by the last network of
    /// each cell]
    #[arg(long, value_name = "NEURONS", value_parser = at_least_one)]
    pub(crate) at: Option<usize>,
    /// Methods of every cell
    #[arg(long, value_name = "NAMES", value_delimiter = ',', overrides_with = "methods", value_parser = METHODS, hide_possible_values = true)]
    pub(crate) methods: Vec<String>,
    /// Seeds of every cell, for example 0..3
    #[arg(long, value_name = "RANGE", value_parser = Seeds::from_str, allow_negative_numbers = true)]
    pub(crate) seeds: Option<Seeds>,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    #[command(flatten)]
    pub(crate) options: RunOptionArgs,
    /// Sweep folder; if it holds this sweep unfinished, the sweep resumes [default: runs/ and the name of GRID]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ReproduceArgs {
    /// mnist (downloaded once), a folder with images, CIFAR, IDX, .npy or CSV files, or a .npz or .csv file
    #[arg(long, value_name = "NAME|PATH", default_value = "mnist")]
    pub(crate) data: String,
    /// Seeds of every method and preset
    #[arg(long, value_name = "RANGE", value_parser = Seeds::from_str, allow_negative_numbers = true, default_value = "0..5")]
    pub(crate) seeds: Seeds,
    /// The author's recorded run: a folder with accuracy.csv and measurements.safetensors
    #[arg(long, value_name = "DIR")]
    pub(crate) recorded: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) margin: MarginArgs,
    /// wgpu or cuda (a GPU), ndarray or flex (the CPU), or auto: a GPU if there is one, otherwise the CPU
    #[arg(long, value_name = "NAME", default_value = "auto", value_parser = device_choice(), hide_possible_values = true)]
    pub(crate) device: DeviceChoice,
    /// Set any key of the configuration (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) settings: Vec<String>,
    #[command(flatten)]
    pub(crate) options: RunOptionArgs,
    /// Folder of the runs; the unfinished ones in it resume
    #[arg(long, value_name = "DIR", default_value = "runs/reproduce", help_heading = "Output")]
    pub(crate) out: PathBuf,
}
