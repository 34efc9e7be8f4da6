//! The arguments of the command line.

mod bench;
mod cells;
mod clip;
mod compress;
mod config;
mod eval;
mod examples;
mod export;
mod inspect;
mod margin;
mod names;
mod parse;
mod pick;
mod safety;
mod shell;
mod solver;
mod values;

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};
use rayclip_trainer::{KeepNetworks, RunOptions};

pub(crate) use bench::{
    Bench, BenchAllArgs, BenchArgs, BenchNetwork, BenchRunArgs, BenchSolverArgs, OperatorKind,
    Size, TimedRunArgs,
};
pub(crate) use cells::{ReproduceArgs, SweepArgs};
pub(crate) use clip::ClipArgs;
pub(crate) use compress::CompressArgs;
pub(crate) use config::ConfigArgs;
pub(crate) use eval::{
    BadImageChoice, EvalArgs, EvalDataArgs, NetworkArgs, PredictArgs, SplitChoice,
};
pub(crate) use export::{ExportArgs, FileArgs, WhichArgs};
pub(crate) use inspect::{ImageShape, ImageSize, InspectArgs};
pub(crate) use margin::MarginArgs;
pub(crate) use names::{
    ALGORITHMS, BUDGETS, DEVICES, FORMATS, METHODS, MOMENTS, ON_DIVERGENCE, PRESETS, RANKINGS,
    REPAIRS,
};
pub(crate) use parse::try_parse;
pub(crate) use pick::PickArgs;
pub(crate) use safety::{ResumeArgs, SafetyArgs, VerifyResumeArgs};
pub(crate) use shell::{CompletionsArgs, ManArgs, Shell};
pub(crate) use solver::{SolveArgs, SolverArgs};
pub(crate) use values::{
    Seeds, at_least_one, device_choice, fraction, numbers, part, positive, positive_numbers, seed,
    width,
};

/// Trains neural networks and makes them smaller while they train.
///
/// Without a command: `rayclip run` with the preset `corrected` on the built-in digits.
#[derive(Debug, Parser)]
#[command(version, about, args_override_self = true, after_help = examples::RAYCLIP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train networks with one method, and clip them (remove neurons) until they are small
    #[command(after_help = examples::RUN)]
    Run(Box<RunArgs>),
    /// Train methods × seeds in one run and say which differences were found; or compare finished runs
    #[command(after_help = examples::COMPARE)]
    Compare(Box<CompareArgs>),
    /// Run every combination of a grid of settings; skip finished ones and retry failed ones
    #[command(after_help = examples::SWEEP)]
    Sweep(Box<SweepArgs>),
    /// Run the paper's three methods with the three presets; show the results beside the paper's Table I
    #[command(after_help = examples::REPRODUCE)]
    Reproduce(Box<ReproduceArgs>),
    /// Write a page about runs: figures, verdicts, entropies, costs, settings; and every number as CSV
    #[command(after_help = examples::REPORT)]
    Report(ReportArgs),
    /// Write one network of a run: the smallest that is accurate enough, or the largest that fits
    #[command(after_help = examples::PICK)]
    Pick(PickArgs),
    /// Write a network of a run or of a file as ONNX, safetensors, a PyTorch module or a Burn module
    #[command(after_help = examples::EXPORT)]
    Export(Box<ExportArgs>),
    /// Classify labelled images with a network: accuracy, loss, classes, confusions, calibration, latency
    #[command(after_help = examples::EVAL)]
    Eval(Box<EvalArgs>),
    /// Classify image files with a network: the most probable classes of each
    #[command(after_help = examples::PREDICT)]
    Predict(PredictArgs),
    /// Show a run in the terminal, during the run or after it
    #[command(after_help = examples::WATCH)]
    Watch(WatchArgs),
    /// Resume a run that was interrupted or killed, or that failed, from its last checkpoint
    #[command(after_help = examples::RESUME)]
    Resume(ResumeArgs),
    /// Check on this machine that a killed and resumed run leaves the same files as an uninterrupted run, byte
    /// for byte
    #[command(after_help = examples::VERIFY_RESUME)]
    VerifyResume(Box<VerifyResumeArgs>),
    /// Solve min ‖A x − y‖² + λ‖x‖₁ for A and y from files, and certify how good each solution is
    #[command(after_help = examples::SOLVE)]
    Solve(Box<SolveArgs>),
    /// Measure how fast rayclip is on this machine
    Bench(BenchArgs),
    /// Make a network in a file smaller in steps, with training between the clips
    #[command(after_help = examples::COMPRESS)]
    Compress(Box<CompressArgs>),
    /// Make a network in a file smaller once, by its weights alone: no data, no training
    #[command(after_help = examples::CLIP)]
    Clip(Box<ClipArgs>),
    /// Print a network: its nodes, its groups of channels with everything that a clip of them cuts, and its size
    #[command(after_help = examples::INSPECT)]
    Inspect(InspectArgs),
    /// List the adapters and backends that `--device` can take
    #[command(after_help = examples::DEVICES)]
    Devices(DevicesArgs),
    /// Print a script that lets a shell complete commands, flags and names
    #[command(after_help = examples::COMPLETIONS)]
    Completions(CompletionsArgs),
    /// Print the manual page of rayclip or of one of its commands
    #[command(after_help = examples::MAN)]
    Man(ManArgs),
}

impl Command {
    /// Returns the file of the trace that the user asked for.
    pub(crate) fn trace(&self) -> Option<&Path> {
        let safety = match self {
            Self::Run(args) => &args.options.safety,
            Self::Compare(args) => &args.options.safety,
            Self::Sweep(args) => &args.options.safety,
            Self::Reproduce(args) => &args.options.safety,
            Self::Compress(args) => &args.options.safety,
            Self::Resume(args) => &args.safety,
            _ => return None,
        };
        safety.trace.as_deref()
    }
}

impl Default for Command {
    fn default() -> Self {
        Self::Run(Box::default())
    }
}

#[derive(Debug, Default, Args)]
pub(crate) struct RunArgs {
    /// Criterion that ranks the neurons: dtc, magnitude, l1, l2, random, taylor, activation, data-lasso; or
    /// scratch (fresh networks)
    #[arg(long, value_name = "NAME", value_parser = METHODS, hide_possible_values = true)]
    pub(crate) method: Option<String>,
    /// Seed of the first network
    #[arg(long, value_name = "SEED", value_parser = seed, allow_negative_numbers = true)]
    pub(crate) seed: Option<u64>,
    /// Number of networks; they have the seeds SEED, SEED+1, …
    #[arg(long, value_name = "COUNT", value_parser = at_least_one, allow_negative_numbers = true)]
    pub(crate) replicas: Option<usize>,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    #[command(flatten)]
    pub(crate) options: RunOptionArgs,
    #[command(flatten)]
    pub(crate) out: OutArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// Folders of finished runs to compare, instead of running
    #[arg(value_name = "RUN", conflicts_with_all = ["methods", "seeds", "tune", "config_args", "conduct_args", "safety_args", "out", "fresh", "tensorboard", "quiet"])]
    pub(crate) runs: Vec<PathBuf>,
    /// Methods to compare, each with the same seeds; dtc has variants such as dtc-coefficient or dtc-l2
    /// [default: dtc,magnitude,random]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', overrides_with = "methods", value_parser = METHODS, hide_possible_values = true)]
    pub(crate) methods: Vec<String>,
    /// Seeds of every method, for example 0..20 (0 to 19) [default: 0..5]
    #[arg(long, value_name = "RANGE", value_parser = Seeds::from_str, allow_negative_numbers = true)]
    pub(crate) seeds: Option<Seeds>,
    /// The method with which the others are compared [default: the first]
    #[arg(long, value_name = "NAME")]
    pub(crate) baseline: Option<String>,
    /// Before the comparison, try these learning rates on held-out images and choose the best of each method; needs --out
    #[arg(long, value_name = "RATES", value_delimiter = ',', value_parser = positive, requires = "out", overrides_with = "tune")]
    pub(crate) tune: Vec<f64>,
    /// Seeds of the runs that choose the learning rates, other than --seeds [default: three that follow these]
    #[arg(long, value_name = "RANGE", value_parser = Seeds::from_str, allow_negative_numbers = true, requires = "tune")]
    pub(crate) tune_seeds: Option<Seeds>,
    #[command(flatten)]
    pub(crate) margin: MarginArgs,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    #[command(flatten)]
    pub(crate) options: RunOptionArgs,
    #[command(flatten)]
    pub(crate) out: OutArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Run folders, finished or not; those that cannot be compared with the first are left out, and named
    #[arg(value_name = "RUN", required_unless_present = "recorded")]
    pub(crate) runs: Vec<PathBuf>,
    /// The method with which the others are compared [default: the first]
    #[arg(long, value_name = "NAME")]
    pub(crate) baseline: Option<String>,
    #[command(flatten)]
    pub(crate) margin: MarginArgs,
    /// The author's recorded run: a folder with accuracy.csv and measurements.safetensors
    #[arg(long, value_name = "DIR")]
    pub(crate) recorded: Option<PathBuf>,
    /// Also write TensorBoard event files into tensorboard/ beside the page
    #[arg(long)]
    pub(crate) tensorboard: bool,
    /// Folder of the report; a report in it is overwritten [default: report/ in the run folder, or report/ here
    /// for several runs]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// The run folder; `watch` reads nothing else
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,
    /// Print one picture and end; also the default if stdout is not a terminal
    #[arg(long)]
    pub(crate) once: bool,
}

/// How a run is conducted. The results on a CPU do not depend on it.
#[derive(Debug, Default, Args)]
#[group(id = "conduct_args", multiple = true)]
#[command(next_help_heading = "Execution")]
pub(crate) struct RunOptionArgs {
    /// Train at most this many networks in parallel [default: as many as memory allows; on a CPU, at most six]
    #[arg(long, value_name = "COUNT", value_parser = at_least_one)]
    pub(crate) at_once: Option<usize>,
    /// Networks to keep in networks/: all, halvings (of the width, and the last) or last [default: all if they
    /// take less than 1 GiB, otherwise halvings; always halvings for sweep and reproduce]
    #[arg(long, value_name = "WHICH", value_parser = KeepNetworks::from_str)]
    pub(crate) keep_networks: Option<KeepNetworks>,
    #[command(flatten)]
    pub(crate) safety: SafetyArgs,
}

/// Where a run is written to, and how it is shown.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutArgs {
    /// Run folder; if it holds this run unfinished, the run resumes [default: one in runs/]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Make a new folder in runs/, even if one there holds this run unfinished
    #[arg(long, conflicts_with = "out")]
    pub(crate) fresh: bool,
    /// Also write TensorBoard event files into tensorboard/ in the run folder
    #[arg(long)]
    pub(crate) tensorboard: bool,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

/// How much is printed.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct ShowArgs {
    /// Print only the path of the folder
    #[arg(long, short, conflicts_with = "json")]
    pub(crate) quiet: bool,
    /// Print one JSON object per line on stdout
    #[arg(long)]
    pub(crate) json: bool,
}

impl RunOptionArgs {
    pub(crate) fn options(&self) -> RunOptions {
        RunOptions { keep_networks: self.keep_networks, ..self.safety.options(self.at_once) }
    }
}

#[derive(Debug, Args)]
pub(crate) struct DevicesArgs {
    /// Print one JSON object per line on stdout
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

    fn all_commands(command: &clap::Command) -> Vec<clap::Command> {
        let below = command.get_subcommands().filter(|sub| sub.get_name() != "help");
        std::iter::once(command.clone()).chain(below.flat_map(all_commands)).collect()
    }

    #[test]
    fn every_command_has_examples_that_can_be_typed() {
        for command in all_commands(&Cli::command()) {
            // `bench` alone does nothing.
            if command.is_subcommand_required_set() {
                continue;
            }
            let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let examples: Vec<&str> =
                text.lines().filter(|line| line.starts_with("  rayclip")).collect();
            assert!(!examples.is_empty(), "{}", command.get_name());
            for line in examples {
                assert!(line.chars().count() <= 80, "{line}");
                let typed = line.split('>').next().unwrap_or_default().split_whitespace();
                assert!(Cli::try_parse_from(typed).is_ok(), "{line}");
            }
        }
    }

    #[test]
    fn the_flags_of_a_run_stand_in_groups() {
        let help = Cli::command().find_subcommand_mut("compare").unwrap().render_long_help();
        let help = help.to_string();
        for heading in ["Options:", "Configuration:", "Execution:", "Output:", "Examples:"] {
            assert!(help.contains(&format!("\n{heading}\n")), "{heading}: {help}");
        }
    }
}
