//! The flags of checkpoints and failures, and the arguments of `resume` and `verify-resume`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use clap::builder::TypedValueParser;
use rayclip_trainer::{Every, OnDivergence, RunOptions, Schedule};

use super::{ConfigArgs, METHODS, ON_DIVERGENCE, ShowArgs, at_least_one, seed};

/// The flags of checkpoints, failures and memory.
#[derive(Debug, Default, Args)]
#[group(id = "safety_args", multiple = true)]
#[command(next_help_heading = "Execution")]
pub(crate) struct SafetyArgs {
    /// Take checkpoints within a cycle too, after this many batches (200) or minutes (5m); a checkpoint is
    /// always taken before and after each clip [default: 5m]
    #[arg(long, value_name = "BATCHES|MINUTES", value_parser = Every::from_str)]
    pub(crate) checkpoint_every: Option<Every>,
    /// Keep this many checkpoints, the latest ones [default: 3]
    #[arg(long, value_name = "COUNT", value_parser = at_least_one)]
    pub(crate) keep_checkpoints: Option<usize>,
    /// If the loss, the weights or the scores of a network are not finite: freeze it (the others continue) or
    /// stop the run [default: freeze]
    #[arg(long, value_name = "NAME", value_parser = ON_DIVERGENCE.map(|name| on_divergence(&name)), hide_possible_values = true)]
    pub(crate) on_divergence: Option<OnDivergence>,
    /// Hold at most this many MiB of images in memory; read more of a folder of images for each batch, from the file
    /// of the cache folder that has them decoded [default: half of the free memory; on a GPU, 2 GiB]
    #[arg(long, value_name = "MIB", value_parser = at_least_one)]
    pub(crate) image_memory: Option<usize>,
    /// Write a trace of the run to this file, in Chrome's JSON format; Perfetto (ui.perfetto.dev) shows it
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) trace: Option<PathBuf>,
    /// Refuse a GPU that gives different bits for the same batch (the CPU always gives the same bits)
    #[arg(long)]
    pub(crate) deterministic: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The run folder
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,
    #[command(flatten)]
    pub(crate) safety: SafetyArgs,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyResumeArgs {
    /// How often the run is killed, at random moments
    #[arg(long, value_name = "COUNT", default_value = "20", value_parser = at_least_one)]
    pub(crate) kills: usize,
    /// Seed of the random moments
    #[arg(long = "seed", value_name = "SEED", default_value = "0", value_parser = seed, allow_negative_numbers = true)]
    pub(crate) seed_of_moments: u64,
    /// Methods of the run [default: dtc,scratch]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', overrides_with = "methods", value_parser = METHODS, hide_possible_values = true)]
    pub(crate) methods: Vec<String>,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Keep all runs in this folder, which must not exist [default: a temporary folder]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub(crate) out: Option<PathBuf>,
}

impl SafetyArgs {
    pub(crate) fn options(&self, at_once: Option<usize>) -> RunOptions {
        let Schedule { every, keep } = Schedule::default();
        let checkpoints = Schedule {
            every: self.checkpoint_every.unwrap_or(every),
            keep: self.keep_checkpoints.unwrap_or(keep),
        };
        let on_divergence = self.on_divergence.unwrap_or_default();
        let deterministic = self.deterministic;
        RunOptions {
            at_once,
            checkpoints,
            on_divergence,
            deterministic,
            image_memory: self.image_memory.map(|mebibytes| mebibytes.saturating_mul(1 << 20)),
            ..RunOptions::default()
        }
    }
}

/// Converts a name that the parser has checked.
fn on_divergence(name: &str) -> OnDivergence {
    if name == "stop" { OnDivergence::Stop } else { OnDivergence::Freeze }
}
