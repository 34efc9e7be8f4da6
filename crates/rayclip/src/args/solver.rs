//! The arguments of `solve`, and of every command that solves.

use std::path::PathBuf;

use clap::Args;
use clap::builder::TypedValueParser;
use cs_solver::{Algorithm, Settings};
use rayclip_run_folder::config::DeviceChoice;

use super::{ALGORITHMS, device_choice};

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
