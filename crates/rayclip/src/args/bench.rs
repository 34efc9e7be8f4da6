//! The arguments of `bench`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand, ValueEnum};
use rayclip_model::KnownNetwork;
use rayclip_run_folder::config::DeviceChoice;

use super::{SolverArgs, at_least_one, device_choice, examples};

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
    /// Measure how long a batch of training takes, by network and by the number of networks that train together
    #[command(after_help = examples::BENCH_TRAIN)]
    Train(BenchRunArgs),
    /// Measure how long a clip takes: the neurons are scored, the layers rebuilt and checked
    #[command(after_help = examples::BENCH_CYCLE)]
    Cycle(BenchRunArgs),
    /// Measure all of this and what the machine can do at best, for a table of machines
    #[command(after_help = examples::BENCH_ALL)]
    All(BenchAllArgs),
}

/// What of training is timed.
#[derive(Debug, Args)]
pub(crate) struct TimedRunArgs {
    /// Networks: mlp-512 (one hidden layer), mlp-512-256, lenet5, vgg11-bn, resnet20, resnet56 or mobilenet-v2
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        default_value = "mlp-512,mlp-243,mlp-51,lenet5,resnet20"
    )]
    pub(crate) networks: Vec<BenchNetwork>,
    /// Networks of a run; as many of them train at the same time as in a run
    #[arg(long, value_name = "COUNTS", value_delimiter = ',', default_value = "1,8,64", value_parser = at_least_one)]
    pub(crate) replicas: Vec<usize>,
    /// wgpu or cuda (a GPU), ndarray or flex (the CPU), or auto: a GPU if there is one, otherwise flex
    #[arg(long, value_name = "NAME", default_value = "auto", value_parser = device_choice(), hide_possible_values = true)]
    pub(crate) device: DeviceChoice,
}

#[derive(Debug, Args)]
pub(crate) struct BenchRunArgs {
    #[command(flatten)]
    pub(crate) timed: TimedRunArgs,
    /// Print one JSON object per line on stdout
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BenchAllArgs {
    #[command(flatten)]
    pub(crate) timed: TimedRunArgs,
    /// Sizes m × n × columns of LASSO problems; a GPU solves those with 4096 columns too
    #[arg(
        long,
        value_name = "SIZES",
        value_delimiter = ',',
        default_value = "512x51x2,512x51x64,512x256x64,4096x409x8"
    )]
    pub(crate) sizes: Vec<Size>,
    /// Also write the results to this file, which must not exist
    #[arg(long, value_name = "FILE", help_heading = "Output", value_hint = clap::ValueHint::FilePath)]
    pub(crate) json: Option<PathBuf>,
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

/// A network whose training is timed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BenchNetwork {
    /// A perceptron with hidden layers of these widths.
    Mlp(Vec<usize>),
    Known(KnownNetwork),
}

impl FromStr for BenchNetwork {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let Some(widths) = name.strip_prefix("mlp-") else {
            let known = name.parse().map(Self::Known);
            return known.map_err(|()| {
                let names = KnownNetwork::ALL.map(KnownNetwork::name).join(", ");
                format!(
                    "expected mlp- and widths, such as mlp-512 or mlp-512-256, or one of {names}"
                )
            });
        };
        let widths: Result<Vec<usize>, String> = widths.split('-').map(at_least_one).collect();
        Ok(Self::Mlp(widths?))
    }
}

impl fmt::Display for BenchNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mlp(widths) => {
                f.write_str("mlp")?;
                widths.iter().try_for_each(|width| write!(f, "-{width}"))
            }
            Self::Known(known) => known.fmt(f),
        }
    }
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

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { m, n, columns } = self;
        write!(f, "{m} × {n} × {columns}")
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_as_they_are_shown() {
        for name in ["mlp-512", "mlp-512-256", "lenet5", "mobilenet-v2"] {
            assert_eq!(name.parse::<BenchNetwork>().unwrap().to_string(), name);
        }
        for name in ["mlp", "mlp-", "mlp-0", "mlp-512-", "lenet6", ""] {
            assert!(name.parse::<BenchNetwork>().is_err(), "{name}");
        }
    }
}
