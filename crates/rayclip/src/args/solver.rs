//! The arguments of `solve` and `bench`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::TypedValueParser;
use clap::{Args, Subcommand, ValueEnum};
use cs_solver::{Algorithm, Settings};
use rayclip_run_folder::config::DeviceChoice;

use super::{ALGORITHMS, device_choice, examples};

#[derive(Debug, Args)]
#[group(id = "weight", required = true, multiple = false, args = ["lambda", "lambda_ratio"])]
pub(crate) struct SolveArgs {
    /// A safetensors file with the tensors a [n, m] and y [n] or [columns, n]; or two .npy files, A and y
    #[arg(value_name = "FILE", required = true, num_args = 1..=2)]
    pub(crate) files: Vec<PathBuf>,
    /// Weight λ of the ℓ₁ norm; the squared norm has no factor ½
    #[arg(long, value_name = "LAMBDA", allow_negative_numbers = true)]
    pub(crate) lambda: Option<f64>,
    /// λ as a fraction of 2‖Aᵀy‖∞, for each column y; at a fraction of 1 and above, x is zero
    #[arg(long, value_name = "RATIO", allow_negative_numbers = true)]
    pub(crate) lambda_ratio: Option<f64>,
    #[command(flatten)]
    pub(crate) solver: SolverArgs,
    /// The most iterations of halpern and fista
    #[arg(long, value_name = "COUNT", default_value_t = Settings::default().max_iterations)]
    pub(crate) max_iterations: usize,
    /// Leave columns that miss the tolerance as they are, instead of improving them in f64
    #[arg(long)]
    pub(crate) no_polish: bool,
    /// Do not solve; certify the tensor x of this safetensors file, from any solver, with its dual point nu if it
    /// has one
    #[arg(long, value_name = "FILE", conflicts_with_all = ["algorithm", "device", "max_iterations", "no_polish", "out"])]
    pub(crate) check: Option<PathBuf>,
    /// File for x and nu, which must not exist [default: p.solution.safetensors for p.safetensors]
    #[arg(long, help_heading = "Output", value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Print one JSON object per line on stdout: one for each column and one for the whole
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

/// Returns the parser of `--algorithm`.
fn algorithm() -> impl TypedValueParser<Value = Algorithm> {
    ALGORITHMS.try_map(|name| name.parse::<Algorithm>())
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Solver")]
pub(crate) struct SolverArgs {
    /// auto, homotopy, descent, ssnal, halpern or fista
    #[arg(long, value_name = "NAME", default_value = "auto", value_parser = algorithm(), hide_possible_values = true)]
    pub(crate) algorithm: Algorithm,
    /// Certified relative duality gap that a column must reach
    #[arg(long, value_name = "GAP", default_value_t = Settings::default().tolerance)]
    pub(crate) tolerance: f64,
    /// Where halpern and fista run: auto, wgpu, ndarray, flex or cuda; auto is a GPU, or flex if there is none
    #[arg(long, value_name = "NAME", default_value = "auto", value_parser = device_choice(), hide_possible_values = true)]
    pub(crate) device: DeviceChoice,
}

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    pub(crate) what: Bench,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Measure how many LASSO problems per second the solver solves, by default Gaussian ones with λ = 0.3
    #[command(after_help = examples::BENCH_SOLVER)]
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
    /// Operator of these problems
    #[arg(long, value_name = "NAME", value_enum, default_value_t = OperatorKind::Gaussian)]
    pub(crate) operator: OperatorKind,
    /// Safetensors files with the tensors a, y and lambda, instead of sizes
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["sizes", "operator"])]
    pub(crate) problems: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) solver: SolverArgs,
    /// Time every algorithm in turn, instead of one
    #[arg(long, help_heading = "Timing")]
    pub(crate) compare: bool,
    /// Number of timings, 1 to 10000; their median counts
    #[arg(long, help_heading = "Timing", value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) repeats: u32,
    /// Print one JSON object per line on stdout
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

/// The operator of a benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OperatorKind {
    /// A Gaussian matrix times a cosine transform, stored as a matrix
    Gaussian,
    /// Some rows of a cosine transform with random signs, without a matrix in memory
    Dct,
}

/// The most numbers of a matrix or a batch of vectors in a benchmark: 2 GiB in f64.
const MOST_NUMBERS: usize = 1 << 28;

/// A size of a benchmark, `m × n × columns`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) m: usize,
    pub(crate) n: usize,
    pub(crate) columns: usize,
}

impl Size {
    /// Checks the size of the vectors.
    ///
    /// # Errors
    /// The vectors would have more than [`MOST_NUMBERS`] numbers.
    fn within_memory(self) -> Result<Self, String> {
        let Self { m, n, columns } = self;
        check_memory("the signals", [m, columns])?;
        check_memory("the measurements", [n, columns])?;
        Ok(self)
    }

    /// Checks the size of the matrix, for an operator that is stored as one.
    ///
    /// # Errors
    /// The matrix would have more than [`MOST_NUMBERS`] numbers.
    pub(crate) fn check_matrix(self) -> Result<(), String> {
        check_memory("the matrix", [self.m, self.n])
    }
}

fn check_memory(what: &str, [a, b]: [usize; 2]) -> Result<(), String> {
    match a.checked_mul(b) {
        Some(numbers) if numbers <= MOST_NUMBERS => Ok(()),
        _ => {
            Err(format!("{what} would have {a} × {b} numbers; at most {MOST_NUMBERS} are allowed"))
        }
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let extents: Option<Vec<usize>> = text.split('x').map(|part| part.parse().ok()).collect();
        match extents.as_deref() {
            Some(&[m, n, columns]) if m >= 2 && n >= 1 && columns >= 1 => {
                Self { m, n, columns }.within_memory()
            }
            _ => Err("expected m x n x columns with m at least 2, for example 512x51x64".into()),
        }
    }
}
