//! What keeps a run from being lost, and the arguments of `resume` and `verify-resume`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use clap::builder::TypedValueParser;
use rayclip_trainer::{Conduct, Every, OnDivergence, Schedule};

use super::{ConfigArgs, METHODS, ON_DIVERGENCE, ShowArgs, at_least_one, seed};

/// What keeps a run from being lost.
#[derive(Debug, Default, Args)]
#[group(id = "safety_args", multiple = true)]
#[command(next_help_heading = "Execution")]
pub(crate) struct SafetyArgs {
    /// Take checkpoints within a cycle too, such as 200 (batches) or 5m (minutes); they always are at both
    /// ends of a clip [default: 5m]
    #[arg(long, value_name = "BATCHES|MINUTES", value_parser = Every::from_str)]
    pub(crate) checkpoint_every: Option<Every>,
    /// Checkpoints that are kept, the last ones [default: 3]
    #[arg(long, value_name = "COUNT", value_parser = at_least_one)]
    pub(crate) keep_checkpoints: Option<usize>,
    /// What a replica does whose loss or weights are not finite any more: freeze (the others go on) or stop
    /// (it ends the run) [default: freeze]
    #[arg(long, value_name = "NAME", value_parser = ON_DIVERGENCE.map(|name| on_divergence(&name)), hide_possible_values = true)]
    pub(crate) on_divergence: Option<OnDivergence>,
    /// Refuse a GPU that gives other bits for the same batch again (on the CPU all backends repeat themselves)
    #[arg(long)]
    pub(crate) deterministic: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The run's folder
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,
    #[command(flatten)]
    pub(crate) safety: SafetyArgs,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyResumeArgs {
    /// Times that the run is killed, at random moments
    #[arg(long, value_name = "COUNT", default_value = "20", value_parser = at_least_one)]
    pub(crate) kills: usize,
    /// Seed of the moments
    #[arg(long = "seed", value_name = "SEED", default_value = "0", value_parser = seed, allow_negative_numbers = true)]
    pub(crate) seed_of_moments: u64,
    /// What neurons are ranked by [default: dtc,scratch]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', overrides_with = "methods", value_parser = METHODS, hide_possible_values = true)]
    pub(crate) methods: Vec<String>,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Folder to make for the runs, which are kept [default: a temporary one]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub(crate) out: Option<PathBuf>,
}

impl SafetyArgs {
    pub(crate) fn conduct(&self, at_once: Option<usize>) -> Conduct {
        let Schedule { every, keep } = Schedule::default();
        let checkpoints = Schedule {
            every: self.checkpoint_every.unwrap_or(every),
            keep: self.keep_checkpoints.unwrap_or(keep),
        };
        let on_divergence = self.on_divergence.unwrap_or_default();
        let deterministic = self.deterministic;
        Conduct { at_once, checkpoints, on_divergence, deterministic, keep_networks: None }
    }
}

/// Of a name that is known to be one.
fn on_divergence(name: &str) -> OnDivergence {
    if name == "stop" { OnDivergence::Stop } else { OnDivergence::Freeze }
}
