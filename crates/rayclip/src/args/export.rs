//! The arguments of `export`.

use std::path::PathBuf;

use clap::Args;

use super::{FORMATS, ImageShape};

/// Options of `rayclip export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// A run folder, or a file with a network: of rayclip, safetensors, a state dict of PyTorch (.pt, .pth), ONNX
    #[arg(value_name = "RUN|FILE", value_hint = clap::ValueHint::AnyPath)]
    pub(crate) network: PathBuf,
    /// onnx; safetensors, with PyTorch's names; pytorch: a folder with safetensors and a model.py; burn: a folder
    /// with a .bpk and its source
    #[arg(long, value_name = "FORMAT", value_parser = FORMATS, hide_possible_values = true)]
    pub(crate) to: String,
    /// File to write, or folder for pytorch and burn
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::AnyPath)]
    pub(crate) out: PathBuf,
    /// Overwrite what is there
    #[arg(long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) which: WhichArgs,

    /// ONNX: the network reads pixels, and its first nodes normalise them
    #[arg(long)]
    pub(crate) with_preprocessing: bool,
    /// Fold batch normalisations into the layers before them; such a network is not meant for training
    #[arg(long)]
    pub(crate) fold_batch_norm: bool,
    #[command(flatten)]
    pub(crate) check: VerifyArgs,
}

/// Whether the files are read again, and with which images.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Read the files again, compare the scores of both networks on images of --data, and print the largest
    /// difference; above 1e-4, the exit code is 1
    #[arg(long, requires = "data")]
    pub(crate) verify: bool,
    /// The images: digits, mnist, a folder, or a .npz or .csv file
    #[arg(long, value_name = "NAME|PATH", requires = "verify", value_hint = clap::ValueHint::AnyPath)]
    pub(crate) data: Option<String>,
    /// Column of a CSV file with the labels [default: the one called label, class, target or y]
    #[arg(long, value_name = "NAME", requires = "data")]
    pub(crate) label_column: Option<String>,
}

/// Which network of a run is meant, and what a file does not say.
#[derive(Debug, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct WhichArgs {
    /// Of a run: the network of this method
    #[arg(long, value_name = "NAME")]
    pub(crate) method: Option<String>,
    /// Of a run: the network of this seed
    #[arg(long, value_name = "SEED", value_parser = super::seed, allow_negative_numbers = true)]
    pub(crate) seed: Option<u64>,
    /// Of a run: the network of this replica, named as its folder in networks/
    #[arg(long, value_name = "METHOD_seed_SEED", conflicts_with_all = ["method", "seed"])]
    pub(crate) replica: Option<String>,
    #[command(flatten)]
    pub(crate) of_file: FileArgs,
}

/// What a file does not say about its network.
#[derive(Debug, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct FileArgs {
    /// What a state dict computes: a file with a graph (TOML, JSON or ONNX)
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) graph: Option<PathBuf>,
    /// Height, width and channels of the images, where the file does not say them, such as 32x32x3
    #[arg(long, value_name = "SHAPE")]
    pub(crate) input: Option<ImageShape>,
}
