//! The arguments of `inspect`.

use std::str::FromStr;

use clap::Args;

use super::clip::bound;
use super::{WhichArgs, at_least_one, width};

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// mlp, lenet5, vgg11-bn, resnet20, resnet56, mobilenet-v2; a file with a graph (TOML or JSON); a file with a
    /// network (ONNX, safetensors, .pt, .pth); or a run folder
    #[arg(value_name = "NETWORK")]
    pub(crate) network: String,
    #[command(flatten)]
    pub(crate) which: WhichArgs,
    /// Classes, for a network with a name
    #[arg(long, value_name = "COUNT", default_value = "10", value_parser = at_least_one, allow_negative_numbers = true, conflicts_with = "data")]
    pub(crate) classes: usize,
    /// Take the images' shape and the classes from data: digits, mnist, a folder, or a .npz or .csv file
    #[arg(long, value_name = "NAME|PATH", value_hint = clap::ValueHint::AnyPath)]
    pub(crate) data: Option<String>,
    /// Column of a CSV file with the labels [default: the one called label, class, target or y]
    #[arg(long, value_name = "NAME", requires = "data")]
    pub(crate) label_column: Option<String>,
    /// Neurons of every hidden layer of mlp, for example 512,256
    #[arg(long, value_name = "WIDTHS", value_delimiter = ',', default_value = "512", value_parser = width)]
    pub(crate) hidden: Vec<usize>,
    /// Give extents with a name in an ONNX file a number, for example height=224,width=224
    #[arg(long, value_name = "NAME=NUMBER", value_delimiter = ',', value_parser = bound)]
    pub(crate) bind: Vec<(String, usize)>,
    /// Print a drawing for Graphviz (`dot -Tsvg`); nodes of one colour are clipped together
    #[arg(long, conflicts_with = "json")]
    pub(crate) dot: bool,
    /// Print JSON: the graph as a file, the sizes of its nodes, and its groups
    #[arg(long)]
    pub(crate) json: bool,
}

/// Height, width and channels: `32x32x3`, or `28x28` with one channel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ImageShape {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
}

/// Height and width: `32x32`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ImageSize {
    pub(crate) height: usize,
    pub(crate) width: usize,
}

impl FromStr for ImageSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let sides = text.split_once('x');
        let sides =
            sides.and_then(|(height, width)| Some((height.parse().ok()?, width.parse().ok()?)));
        let (height, width) = sides
            .ok_or_else(|| format!("expected height and width, such as 32x32, found `{text}`"))?;
        Ok(Self { height, width })
    }
}

impl FromStr for ImageShape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected =
            || format!("expected height, width and channels, such as 32x32x3, found `{text}`");
        let numbers = text.split('x').map(str::parse::<usize>);
        let numbers: Vec<usize> = numbers.collect::<Result<_, _>>().map_err(|_| expected())?;
        match numbers[..] {
            [height, width] => Ok(Self { height, width, channels: 1 }),
            [height, width, channels] => Ok(Self { height, width, channels }),
            _ => Err(expected()),
        }
    }
}
