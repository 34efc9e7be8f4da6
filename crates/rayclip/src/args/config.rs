//! The arguments that make up a configuration.

use std::path::PathBuf;

use clap::Args;
use rayclip_data::PerChannel;

use super::{
    BUDGETS, DEVICES, ImageSize, MOMENTS, PRESETS, RANKINGS, REPAIRS, at_least_one, fraction,
    numbers, part, positive_numbers, width,
};

/// The flags that make up a configuration.
#[derive(Debug, Default, Args)]
#[group(id = "config_args", multiple = true)]
#[command(next_help_heading = "Configuration")]
pub(crate) struct ConfigArgs {
    /// Defaults to start from: corrected, paper, supplement, cifar10, recommended, recipe-batches, recipe-operations or
    /// recipe-parent [default: corrected]
    #[arg(long, value_name = "NAME", value_parser = PRESETS, hide_possible_values = true)]
    pub(crate) preset: Option<String>,
    /// digits (built in), mnist (downloaded once), a folder with images, CIFAR, IDX, .npy or CSV files, or a .npz or
    /// .csv file
    #[arg(long, value_name = "NAME|PATH", value_hint = clap::ValueHint::AnyPath)]
    pub(crate) data: Option<String>,
    /// Column of a CSV file with the labels [default: the one called label, class, target or y]
    #[arg(long, value_name = "NAME")]
    pub(crate) label_column: Option<String>,
    /// Clip to this part of the first network's multiply-accumulates, for example 0.25
    #[arg(long, value_name = "FRACTION", value_parser = part, overrides_with = "target_macs", conflicts_with = "target_parameters")]
    pub(crate) target_macs: Option<f64>,

    /// Clip to this part of the first network's parameters
    #[arg(long, value_name = "FRACTION", value_parser = part, overrides_with = "target_parameters")]
    pub(crate) target_parameters: Option<f64>,

    /// Clip until the network classifies in at most so many milliseconds on this device
    #[arg(long, value_name = "MS", allow_negative_numbers = true, overrides_with = "target_latency", conflicts_with_all = ["target_macs", "target_parameters"])]
    pub(crate) target_latency: Option<f64>,

    /// Images that --target-latency classifies at once [default: 1]
    #[arg(long, value_name = "COUNT", value_parser = at_least_one, allow_negative_numbers = true, overrides_with = "latency_images")]
    pub(crate) latency_images: Option<usize>,

    /// Clips to the target, in geometric steps; 1: all at once [default: as many as --keep needs]
    #[arg(long, value_name = "COUNT", value_parser = at_least_one, allow_negative_numbers = true, overrides_with = "steps")]
    pub(crate) steps: Option<usize>,

    /// Groups that are not clipped, such as conv1,layer1.*
    #[arg(long, value_name = "GROUPS", value_delimiter = ',', overrides_with = "protect")]
    pub(crate) protect: Vec<String>,

    /// Widths are multiples of this number, such as 8
    #[arg(long, value_name = "COUNT", value_parser = at_least_one, allow_negative_numbers = true, overrides_with = "round_to")]
    pub(crate) round_to: Option<usize>,

    /// Scale and crop the images of a folder to this height and width, such as 32x32
    #[arg(long, value_name = "SIZE", overrides_with = "resize")]
    pub(crate) resize: Option<ImageSize>,

    /// A damaged image in a folder of images: stop, or skip it [default: stop]
    #[arg(long, value_name = "ACTION", overrides_with = "on_bad_image")]
    pub(crate) on_bad_image: Option<String>,

    /// mlp, lenet5, vgg11-bn, resnet20, resnet56, mobilenet-v2, or a file: a graph (TOML or JSON), ONNX, safetensors,
    /// .pt
    #[arg(long, value_name = "NETWORK", overrides_with = "network")]
    pub(crate) network: Option<String>,

    /// Start from the weights in the file of the network; scratch starts from fresh ones
    #[arg(long)]
    pub(crate) pretrained: bool,

    /// What a state dict computes: a file with a graph (TOML, JSON or ONNX)
    #[arg(long, value_name = "FILE", overrides_with = "graph", value_hint = clap::ValueHint::FilePath)]
    pub(crate) graph: Option<String>,

    /// Mean that is subtracted from pixels (as fractions of 255): one number, or one per channel with commas
    /// [default: that of the training pixels; of a network with weights, as its file says]
    #[arg(long, value_name = "NUMBERS", value_parser = numbers, allow_hyphen_values = true, requires = "std", overrides_with = "mean")]
    pub(crate) mean: Option<PerChannel>,

    /// Standard deviation that pixels are then divided by
    #[arg(long, value_name = "NUMBERS", value_parser = positive_numbers, allow_hyphen_values = true, requires = "mean", overrides_with = "std")]
    pub(crate) std: Option<PerChannel>,

    /// Learn from the outputs of the original network too (of the network before the first clip, if it is a fresh one): the
    /// part of the loss, from 0 to 1
    #[arg(long, value_name = "PART", overrides_with = "distill")]
    pub(crate) distill: Option<f64>,

    /// Temperature at which --distill compares outputs [default: 4]
    #[arg(long, value_name = "NUMBER", overrides_with = "temperature")]
    pub(crate) temperature: Option<f64>,

    /// Neurons of every hidden layer of mlp, for example 512,256
    #[arg(long, value_name = "WIDTHS", value_delimiter = ',', overrides_with = "hidden", value_parser = width)]
    pub(crate) hidden: Vec<usize>,
    /// Fraction of the neurons that a clip keeps [default: 0.9]
    #[arg(long, value_name = "FRACTION")]
    pub(crate) keep: Option<f64>,
    /// Clip a layer until it has at most this many neurons [default: 10]
    #[arg(long, value_name = "NEURONS")]
    pub(crate) min_width: Option<usize>,
    /// Rank the neurons of each group (group), or of all groups together by normalised scores (global) [default: group]
    #[arg(long, value_name = "NAME", value_parser = RANKINGS, hide_possible_values = true)]
    pub(crate) ranking: Option<String>,
    /// What scratch may spend: as many batches as the clipped networks (batches), as many operations (operations), or as
    /// many operations as after their first cycle (parent) [default: batches]
    #[arg(long, value_name = "NAME", value_parser = BUDGETS, hide_possible_values = true, overrides_with = "budget")]
    pub(crate) budget: Option<String>,
    /// Stop clipping a network when its accuracy on held-out images has reached this value and then falls below
    /// it; needs --validation
    #[arg(long, value_name = "ACCURACY")]
    pub(crate) until_accuracy: Option<f64>,
    /// Stop clipping a network when its accuracy on held-out images falls by more than this, for example 0.01; needs
    /// --validation
    #[arg(long, value_name = "ACCURACY", overrides_with = "max_drop")]
    pub(crate) max_drop: Option<f64>,
    /// At a clip, carry Adam's moments (running averages of gradients) of the kept neurons, or reset them
    #[arg(long, value_name = "NAME", value_parser = MOMENTS, hide_possible_values = true)]
    pub(crate) moments: Option<String>,
    /// After a clip, merge each clipped neuron into the most similar kept one (merge), refit the weights that leave a
    /// clipped layer by least squares (compensate), or rescale what reads it to the mean and variance of before (rescale);
    /// several are separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = REPAIRS, hide_possible_values = true)]
    pub(crate) repair: Vec<String>,
    /// The same as --repair compensate
    #[arg(long)]
    pub(crate) compensate: bool,
    /// After the first clip, train so many copies of each network on batches of their own, and average them before the
    /// next clip [default: 1]
    #[arg(long, value_name = "COPIES", overrides_with = "soup")]
    pub(crate) soup: Option<usize>,
    /// Use the same random matrices (of dtc) for all seeds
    #[arg(long)]
    pub(crate) shared_measurements: bool,
    /// Hold out this fraction of the training images, to choose networks and settings by them
    #[arg(long, value_name = "FRACTION", value_parser = fraction, allow_negative_numbers = true)]
    pub(crate) validation: Option<f64>,
    /// wgpu or cuda (a GPU), ndarray or flex (the CPU), or auto: a GPU if there is one, otherwise the CPU
    #[arg(long, value_name = "NAME", value_parser = DEVICES, hide_possible_values = true)]
    pub(crate) device: Option<String>,
    /// Configuration file that overrides the preset, for example the config.toml of a run folder
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// Set any key of the configuration, for example `training.batch_size=256` (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) settings: Vec<String>,
}
