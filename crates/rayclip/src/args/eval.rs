//! The arguments of `eval` and `predict`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use rayclip_data::PerChannel;
use rayclip_run_folder::config::DeviceChoice;

use super::{WhichArgs, at_least_one, device_choice, fraction, numbers, positive_numbers};
use crate::args::ImageSize;

/// A network, and how it reads images.
#[derive(Debug, Args)]
pub(crate) struct NetworkArgs {
    /// A file with a network (of rayclip, safetensors, .pt, ONNX), or the folder of a run
    #[arg(value_name = "NETWORK", value_hint = clap::ValueHint::AnyPath)]
    pub(crate) network: PathBuf,
    #[command(flatten)]
    pub(crate) which: WhichArgs,
    /// Mean that is subtracted from pixels (as fractions of 255): one number, or one per channel with commas
    /// [default: as the file says]
    #[arg(long, value_name = "NUMBERS", value_parser = numbers, allow_hyphen_values = true)]
    pub(crate) mean: Option<PerChannel>,
    /// Standard deviation that pixels are then divided by [default: as the file says]
    #[arg(long, value_name = "NUMBERS", value_parser = positive_numbers, allow_hyphen_values = true)]
    pub(crate) std: Option<PerChannel>,
    /// wgpu or cuda (a GPU), ndarray or flex (the CPU), or auto: a GPU if there is one, otherwise flex
    #[arg(long, value_name = "NAME", default_value = "auto", value_parser = device_choice(), hide_possible_values = true, hide_default_value = true)]
    pub(crate) device: DeviceChoice,
}

#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    #[command(flatten)]
    pub(crate) data: EvalDataArgs,
    /// Images that are classified at once; the results do not depend on it [default: 256]
    #[arg(long, value_name = "COUNT", value_parser = at_least_one, allow_negative_numbers = true)]
    pub(crate) batch_size: Option<usize>,
    /// Time the classification of so many images at once, besides that of one [default: 32]
    #[arg(long, value_name = "COUNT", value_parser = at_least_one, allow_negative_numbers = true)]
    pub(crate) latency_images: Option<usize>,
    /// Print one JSON object on stdout
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

/// The images that a network is evaluated on.
#[derive(Debug, Args)]
#[command(next_help_heading = "Images")]
pub(crate) struct EvalDataArgs {
    /// digits (built in), mnist (downloaded once), a folder with images, CIFAR, IDX, .npy or CSV files, or a .npz or
    /// .csv file [default: of a run, its own]
    #[arg(long, value_name = "NAME|PATH", value_hint = clap::ValueHint::AnyPath)]
    pub(crate) data: Option<String>,
    /// The images that are classified: test, train, or validation (held out by --validation)
    #[arg(long, value_name = "NAME", default_value = "test", hide_possible_values = true)]
    pub(crate) split: SplitChoice,
    /// The fraction of the training images that the training held out [default: of a run, its own; otherwise 0]
    #[arg(long, value_name = "FRACTION", value_parser = fraction, allow_negative_numbers = true)]
    pub(crate) validation: Option<f64>,
    /// The fraction of every class that is held out as test images, if the data have no split [default: of a run, its
    /// own; otherwise 0.2]
    #[arg(long, value_name = "FRACTION", value_parser = fraction, allow_negative_numbers = true)]
    pub(crate) test: Option<f64>,
    /// Column of a CSV file with the labels [default: the one called label, class, target or y]
    #[arg(long, value_name = "NAME")]
    pub(crate) label_column: Option<String>,
    /// Scale and crop the images of a folder to this height and width, such as 32x32
    #[arg(long, value_name = "SIZE")]
    pub(crate) resize: Option<ImageSize>,
    /// A damaged image in a folder of images: stop, or skip it [default: stop]
    #[arg(long, value_name = "ACTION")]
    pub(crate) on_bad_image: Option<String>,
    /// Hold at most this many MiB of images in memory; read more of a folder of images for each batch [default: half
    /// of the free memory; on a GPU, 2 GiB]
    #[arg(long, value_name = "MIB", value_parser = at_least_one)]
    pub(crate) image_memory: Option<usize>,
}

/// A split of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SplitChoice {
    Test,
    Train,
    Validation,
}

impl SplitChoice {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Train => "train",
            Self::Validation => "validation",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct PredictArgs {
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    /// Image files (JPEG, PNG, WebP), or .npy files with one image or several
    #[arg(value_name = "IMAGE", required = true, value_hint = clap::ValueHint::FilePath)]
    pub(crate) images: Vec<PathBuf>,
    /// The most probable classes that are printed for each image
    #[arg(long, value_name = "COUNT", default_value = "5", value_parser = at_least_one, allow_negative_numbers = true)]
    pub(crate) top: usize,
    /// A damaged image: stop, or skip it
    #[arg(long, value_name = "ACTION", default_value = "stop", hide_possible_values = true)]
    pub(crate) on_bad_image: BadImageChoice,
    /// Print one JSON object per image on stdout
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

/// What happens to a damaged image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BadImageChoice {
    Stop,
    Skip,
}
