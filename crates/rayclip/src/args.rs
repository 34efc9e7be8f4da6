//! The arguments as they are typed.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand, ValueEnum};
use cs_solver::{Algorithm, Settings};
use rayclip_trainer::config::DeviceChoice;

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
#[group(id = "weight", required = true, multiple = false, args = ["lambda", "lambda_ratio"])]
pub(crate) struct SolveArgs {
    /// A safetensors file with the tensors a [n, m] and y [n] or [columns, n]; or two .npy files,
    /// first A, then y
    #[arg(value_name = "FILE", required = true, num_args = 1..=2)]
    pub(crate) files: Vec<PathBuf>,
    /// Weight λ of the ℓ₁ norm; there is no ½ before the square
    #[arg(long, value_name = "LAMBDA", allow_negative_numbers = true)]
    pub(crate) lambda: Option<f64>,
    /// λ as a fraction of each column's 2‖Aᵀy‖∞, from which on x is zero
    #[arg(long, value_name = "RATIO", allow_negative_numbers = true)]
    pub(crate) lambda_ratio: Option<f64>,
    #[command(flatten)]
    pub(crate) solver: SolverArgs,
    /// Iterations of halpern and fista at most
    #[arg(long, value_name = "COUNT", default_value_t = Settings::default().max_iterations)]
    pub(crate) max_iterations: usize,
    /// Leave columns that miss the tolerance as they are, instead of finishing them in f64
    #[arg(long)]
    pub(crate) no_polish: bool,
    /// Certify the tensor x of this safetensors file, from whatever solver, instead of solving
    #[arg(long, value_name = "FILE", conflicts_with_all = ["algorithm", "device", "max_iterations", "no_polish", "out"])]
    pub(crate) check: Option<PathBuf>,
    /// File to write x and nu to; it must not exist
    #[arg(long, value_name = "FILE", default_value = "solution.safetensors")]
    pub(crate) out: PathBuf,
    /// Print one JSON object a line on stdout, one a column and one of the whole
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SolverArgs {
    /// auto, homotopy, ssnal, halpern or fista
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub(crate) algorithm: Algorithm,
    /// Certified relative duality gap at which a column is converged
    #[arg(long, value_name = "GAP", default_value_t = Settings::default().tolerance)]
    pub(crate) tolerance: f64,
    /// Where halpern and fista run: auto, wgpu, ndarray, flex or cuda; auto is a GPU or flex
    #[arg(long, value_name = "NAME", default_value = "auto", value_parser = device_choice)]
    pub(crate) device: DeviceChoice,
}

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    pub(crate) what: Bench,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Problems a second of the LASSO solver on Gaussian·DCT problems with λ = 0.3
    Solver(BenchSolverArgs),
}

#[derive(Debug, Args)]
pub(crate) struct BenchSolverArgs {
    /// Sizes m × n × columns, for example 512x51x64,4096x409x8
    #[arg(
        long,
        value_name = "SIZES",
        value_delimiter = ',',
        default_value = "64x32x2,512x51x2,512x51x64,512x51x1024,512x256x2,512x256x64"
    )]
    pub(crate) sizes: Vec<Size>,
    /// Operator of the problems of these sizes
    #[arg(long, value_name = "NAME", value_enum, default_value_t = OperatorKind::Gaussian)]
    pub(crate) operator: OperatorKind,
    /// Safetensors files with the tensors a, y and lambda, instead of sizes
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["sizes", "operator"])]
    pub(crate) problems: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) solver: SolverArgs,
    /// Time every algorithm, one after the other in turn, instead of one
    #[arg(long)]
    pub(crate) compare: bool,
    /// Timings of each, of which the median counts
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    pub(crate) repeats: usize,
    /// Print one JSON object a line on stdout
    #[arg(long)]
    pub(crate) json: bool,
}

/// The operator of a benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OperatorKind {
    /// A Gaussian matrix times a cosine transform, its entries in memory
    Gaussian,
    /// Some rows of a cosine transform with random signs, without entries
    Dct,
}

/// A size of a benchmark, `m × n × columns`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) m: usize,
    pub(crate) n: usize,
    pub(crate) columns: usize,
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let extents: Option<Vec<usize>> = text.split('x').map(|part| part.parse().ok()).collect();
        match extents.as_deref() {
            Some(&[m, n, columns]) if m >= 2 && n >= 1 && columns >= 1 => {
                Ok(Self { m, n, columns })
            }
            _ => Err("expected m x n x columns with m at least 2, for example 512x51x64".into()),
        }
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
