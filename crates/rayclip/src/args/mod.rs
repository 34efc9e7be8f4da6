//! The arguments as they are typed.

mod pick;
mod solver;

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};
use rayclip_trainer::config::DeviceChoice;
use rayclip_trainer::{Conduct, Every, KeepNetworks, OnDivergence, Schedule};

pub(crate) use pick::PickArgs;
pub(crate) use solver::{Bench, BenchArgs, BenchSolverArgs, OperatorKind, Size, SolveArgs};

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
    /// Train with several methods and seeds at once, and say what can be told apart
    Compare(Box<CompareArgs>),
    /// Run every combination of a grid of settings; finished ones are kept, failed ones tried again
    Sweep(Box<SweepArgs>),
    /// Run the paper's three methods with the three presets beside what was published
    Reproduce(Box<ReproduceArgs>),
    /// Make a page of runs: figures, verdicts, entropy, costs and settings, and every number as CSV
    Report(ReportArgs),
    /// Write one network of a run: the smallest that is accurate enough, or the largest of a size
    Pick(PickArgs),
    /// Show a run in the terminal, while it goes on or after
    Watch(WatchArgs),
    /// Go on with a run that was interrupted, killed or failed, from its last checkpoint
    Resume(ResumeArgs),
    /// Check on this machine that a run that is killed and resumed gives the same files, byte for byte
    VerifyResume(Box<VerifyResumeArgs>),
    /// Solve min ‖A x − y‖² + λ‖x‖₁ for matrices from files, with a certificate for every column
    Solve(Box<SolveArgs>),
    /// Measure how fast this machine is
    Bench(BenchArgs),
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
    /// What neurons are ranked by: dtc, magnitude, l1, l2, random, taylor, activation, data-lasso; or
    /// scratch
    #[arg(long, value_name = "NAME")]
    pub(crate) method: Option<String>,
    /// Seed of the first replica
    #[arg(long, value_name = "SEED", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub(crate) seed: Option<u64>,
    /// Networks, with the seeds SEED, SEED+1, …
    #[arg(long, value_name = "COUNT")]
    pub(crate) replicas: Option<usize>,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    #[command(flatten)]
    pub(crate) conduct: ConductArgs,
    #[command(flatten)]
    pub(crate) out: OutArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// Folders of finished runs to compare, instead of running
    #[arg(value_name = "RUN", conflicts_with_all = ["methods", "seeds", "config_args", "conduct_args", "safety_args", "out", "fresh", "tensorboard", "quiet"])]
    pub(crate) runs: Vec<PathBuf>,
    /// What neurons are ranked by, each method with the same seeds; dtc has variants such as
    /// dtc-coefficient or dtc-l2 [default: dtc,magnitude,random]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', overrides_with = "methods")]
    pub(crate) methods: Vec<String>,
    /// Seeds of every method, for example 0..20 (0 to 19) [default: 0..5]
    #[arg(long, value_name = "RANGE", value_parser = Seeds::from_str)]
    pub(crate) seeds: Option<Seeds>,
    /// The method that the others are compared with [default: the first]
    #[arg(long, value_name = "NAME")]
    pub(crate) baseline: Option<String>,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    #[command(flatten)]
    pub(crate) conduct: ConductArgs,
    #[command(flatten)]
    pub(crate) out: OutArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SweepArgs {
    /// A configuration file with a section [grid] that gives keys lists of values
    #[arg(value_name = "GRID")]
    pub(crate) grid: PathBuf,
    /// Choose among networks of at most so many hidden neurons [default: the last of each cell]
    #[arg(long, value_name = "NEURONS", value_parser = at_least_one)]
    pub(crate) at: Option<usize>,
    /// What neurons are ranked by, in every cell
    #[arg(long, value_name = "NAMES", value_delimiter = ',', overrides_with = "methods")]
    pub(crate) methods: Vec<String>,
    /// Seeds of every cell, for example 0..3
    #[arg(long, value_name = "RANGE", value_parser = Seeds::from_str)]
    pub(crate) seeds: Option<Seeds>,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    #[command(flatten)]
    pub(crate) conduct: ConductArgs,
    /// Sweep folder, to make or to go on with [default: runs/ and the name of GRID]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ReproduceArgs {
    /// mnist (downloaded once), or a folder with four IDX files
    #[arg(long, value_name = "NAME|DIR", default_value = "mnist")]
    pub(crate) data: String,
    /// Seeds of every method and preset
    #[arg(long, value_name = "RANGE", value_parser = Seeds::from_str, default_value = "0..5")]
    pub(crate) seeds: Seeds,
    /// The author's recorded run: a folder with accuracy.csv and measurements.safetensors
    #[arg(long, value_name = "DIR")]
    pub(crate) recorded: Option<PathBuf>,
    /// auto, wgpu, ndarray, flex or cuda
    #[arg(long, value_name = "NAME", default_value = "auto", value_parser = device_choice)]
    pub(crate) device: DeviceChoice,
    /// Set any key of the configuration (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) settings: Vec<String>,
    #[command(flatten)]
    pub(crate) conduct: ConductArgs,
    /// Folder, to make or to go on with
    #[arg(long, value_name = "DIR", default_value = "runs/reproduce")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Run folders, finished or not; those that do not compare with the first are left out, and named
    #[arg(value_name = "RUN", required_unless_present = "recorded")]
    pub(crate) runs: Vec<PathBuf>,
    /// The method that the others are compared with [default: the first]
    #[arg(long, value_name = "NAME")]
    pub(crate) baseline: Option<String>,
    /// The author's recorded run: a folder with accuracy.csv and measurements.safetensors
    #[arg(long, value_name = "DIR")]
    pub(crate) recorded: Option<PathBuf>,
    /// Write TensorBoard event files too, into tensorboard/ beside the page
    #[arg(long)]
    pub(crate) tensorboard: bool,
    /// Folder to write to; a report in it is made anew [default: report/ in the run folder, or, of
    /// several runs, here]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// The run's folder; nothing but it is read
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,
    /// Print one picture and end, as where stdout is no terminal
    #[arg(long)]
    pub(crate) once: bool,
}

/// What a configuration is put together from.
#[derive(Debug, Default, Args)]
#[group(id = "config_args", multiple = true)]
pub(crate) struct ConfigArgs {
    /// Defaults to start from: corrected, paper or supplement [default: corrected]
    #[arg(long, value_name = "NAME")]
    pub(crate) preset: Option<String>,
    /// digits (built in), mnist (downloaded once), or a folder with four IDX files
    #[arg(long, value_name = "NAME|DIR")]
    pub(crate) data: Option<String>,
    /// Neurons of every hidden layer, for example 512,256
    #[arg(long, value_name = "WIDTHS", value_delimiter = ',', overrides_with = "hidden")]
    pub(crate) hidden: Vec<usize>,
    /// Fraction of the neurons that a clip keeps [default: 0.9]
    #[arg(long, value_name = "FRACTION")]
    pub(crate) keep: Option<f64>,
    /// Clip a layer until it has at most so many neurons [default: 10]
    #[arg(long, value_name = "NEURONS")]
    pub(crate) min_width: Option<usize>,
    /// Stop clipping a network once its accuracy on held-out images has reached this and falls below it; needs
    /// --validation
    #[arg(long, value_name = "ACCURACY")]
    pub(crate) until_accuracy: Option<f64>,
    /// Adam's moments across a clip: carry those of kept neurons, or reset
    #[arg(long, value_name = "NAME")]
    pub(crate) moments: Option<String>,
    /// Refit the weights that leave a clipped layer by least squares
    #[arg(long)]
    pub(crate) compensate: bool,
    /// Give all seeds the same measurement matrices
    #[arg(long)]
    pub(crate) shared_measurements: bool,
    /// Fraction of the training images to hold out, to choose settings by
    #[arg(long, value_name = "FRACTION")]
    pub(crate) validation: Option<f64>,
    /// auto, wgpu, ndarray, flex or cuda
    #[arg(long, value_name = "NAME")]
    pub(crate) device: Option<String>,
    /// Configuration file over the preset, for example the config.toml of a run folder
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Set any key of the configuration, for example `training.batch_size=256` (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) settings: Vec<String>,
}

/// How a run is conducted: nothing that its result depends on.
#[derive(Debug, Default, Args)]
#[group(id = "conduct_args", multiple = true)]
pub(crate) struct ConductArgs {
    /// Networks that train at once, at most [default: as many as memory takes, on a CPU six]
    #[arg(long, value_name = "COUNT", value_parser = at_least_one)]
    pub(crate) at_once: Option<usize>,
    /// Networks that are kept in networks/: all, halvings (of the width, and the last) or last [default: all where
    /// they take less than 1 GiB, else halvings; of sweep and reproduce, halvings]
    #[arg(long, value_name = "WHICH", value_parser = KeepNetworks::from_str)]
    pub(crate) keep_networks: Option<KeepNetworks>,
    #[command(flatten)]
    pub(crate) safety: SafetyArgs,
}

/// What keeps a run from being lost.
#[derive(Debug, Default, Args)]
#[group(id = "safety_args", multiple = true)]
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
    #[arg(long, value_name = "NAME", value_parser = on_divergence)]
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
    #[arg(long = "seed", value_name = "SEED", default_value = "0")]
    pub(crate) seed_of_moments: u64,
    /// What neurons are ranked by [default: dtc,scratch]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', overrides_with = "methods")]
    pub(crate) methods: Vec<String>,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Folder to make for the runs, which are kept [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// Where a run goes, and how it is shown.
#[derive(Debug, Default, Args)]
pub(crate) struct OutArgs {
    /// Run folder, to make or to go on with [default: one in runs/]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Make a new folder in runs/, even where one there holds this run unfinished
    #[arg(long, conflicts_with = "out")]
    pub(crate) fresh: bool,
    /// Write TensorBoard event files too, into tensorboard/ in the run folder
    #[arg(long)]
    pub(crate) tensorboard: bool,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

/// How much is printed.
#[derive(Debug, Default, Args)]
pub(crate) struct ShowArgs {
    /// Print nothing but the path of the run folder
    #[arg(long, short, conflicts_with = "json")]
    pub(crate) quiet: bool,
    /// Print one JSON object a line on stdout
    #[arg(long)]
    pub(crate) json: bool,
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

impl ConductArgs {
    pub(crate) fn conduct(&self) -> Conduct {
        Conduct { keep_networks: self.keep_networks, ..self.safety.conduct(self.at_once) }
    }
}

/// A range of seeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seeds {
    pub(crate) first: u64,
    pub(crate) count: usize,
}

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| {
            let seed = text.trim().parse::<u64>().ok().filter(|seed| i64::try_from(*seed).is_ok());
            seed.ok_or_else(|| "expected a range of seeds such as 0..20".to_owned())
        };
        let (first, end) = match text.split_once("..") {
            None => (number(text)?, number(text)? + 1),
            Some((first, last)) => match last.strip_prefix('=') {
                Some(last) => (number(first)?, number(last)? + 1),
                None => (number(first)?, number(last)?),
            },
        };
        match usize::try_from(end.saturating_sub(first)) {
            Ok(count @ 1..=100_000) => Ok(Self { first, count }),
            Ok(0) => Err(format!("the range holds no seed: {first}..{end} ends before it begins")),
            _ => Err("the range holds more than 100000 seeds".into()),
        }
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 1..) => Ok(count),
        _ => Err("expected a number, at least 1".into()),
    }
}

fn on_divergence(name: &str) -> Result<OnDivergence, String> {
    match name {
        "freeze" => Ok(OnDivergence::Freeze),
        "stop" => Ok(OnDivergence::Stop),
        _ => Err("there are freeze and stop".into()),
    }
}

fn device_choice(name: &str) -> Result<DeviceChoice, String> {
    let value = toml::Value::String(name.to_owned());
    value.try_into().map_err(|_| "there are auto, wgpu, ndarray, flex and cuda".into())
}

#[derive(Debug, Args)]
pub(crate) struct DevicesArgs {
    /// Print one JSON object a line on stdout
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn seeds_are_a_range() {
        let seeds = |text: &str| text.parse::<Seeds>().map(|seeds| (seeds.first, seeds.count));
        assert_eq!(seeds("0..20"), Ok((0, 20)));
        assert_eq!(seeds("3..=5"), Ok((3, 3)));
        assert_eq!(seeds("7"), Ok((7, 1)));
        assert!(seeds("5..5").unwrap_err().contains("no seed"));
        assert!(seeds("5..2").unwrap_err().contains("no seed"));
        assert!(seeds("a..b").unwrap_err().contains("0..20"));
    }
}
