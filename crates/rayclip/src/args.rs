//! The arguments as they are typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Trains neural networks and makes them smaller while they train.
///
/// Without a command: `rayclip run` with the preset `corrected` on the built-in digits.
#[derive(Debug, Parser)]
#[command(version, about, args_override_self = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train a network, clipping its hidden layers after every cycle, until they are small
    Run(Box<RunArgs>),
    /// List the adapters and backends that `--device` can take
    Devices(DevicesArgs),
}

impl Default for Command {
    fn default() -> Self {
        Self::Run(Box::default())
    }
}

#[derive(Debug, Default, Args)]
pub(crate) struct RunArgs {
    /// Defaults to start from: corrected, paper or supplement [default: corrected]
    #[arg(long, value_name = "NAME")]
    pub(crate) preset: Option<String>,
    /// What neurons are ranked by: dtc, magnitude, l2 or random
    #[arg(long, value_name = "NAME")]
    pub(crate) method: Option<String>,
    /// digits (built in), mnist (downloaded once), or a folder with four IDX files
    #[arg(long, value_name = "NAME|DIR")]
    pub(crate) data: Option<String>,
    /// Neurons of every hidden layer, for example 512,256
    #[arg(long, value_name = "WIDTHS", value_delimiter = ',', overrides_with = "hidden")]
    pub(crate) hidden: Vec<usize>,
    /// Seed of the first replica
    #[arg(long, value_name = "SEED", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub(crate) seed: Option<u64>,
    /// Networks that train at once, with seeds SEED, SEED+1, …
    #[arg(long, value_name = "COUNT")]
    pub(crate) replicas: Option<usize>,
    /// auto, wgpu, ndarray, flex or cuda
    #[arg(long, value_name = "NAME")]
    pub(crate) device: Option<String>,
    /// Run folder to make; it must not exist [default: a new one in runs/]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Configuration file over the preset, for example the config.toml of a run folder
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Set any key of the configuration, for example `training.batch_size=256` (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) settings: Vec<String>,
    /// Print nothing but the path of the run folder
    #[arg(long, short, conflicts_with = "json")]
    pub(crate) quiet: bool,
    /// Print one JSON object a line on stdout
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DevicesArgs {
    /// Print one JSON object a line on stdout
    #[arg(long)]
    pub(crate) json: bool,
}
