//! Networks that are known by name, for small images. Nodes have the names of the PyTorch modules that people know.

mod lenet;
mod mobilenet;
mod resnet;
mod vgg;

use std::fmt;
use std::str::FromStr;

use crate::graph::{Graph, Op, Shape, Slide, Value};

/// A network with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownNetwork {
    /// LeNet-5: two convolutions and three fully connected layers.
    Lenet5,
    /// VGG-11 with batch normalisation and one fully connected layer.
    Vgg11Bn,
    /// A residual network with 20 layers, for small images.
    Resnet20,
    /// A residual network with 56 layers, for small images.
    Resnet56,
    /// MobileNet-V2, with the strides for small images.
    MobilenetV2,
}

impl KnownNetwork {
    /// All networks with a name.
    pub const ALL: [Self; 5] =
        [Self::Lenet5, Self::Vgg11Bn, Self::Resnet20, Self::Resnet56, Self::MobilenetV2];

    /// Returns the network for images of a shape. It may not be valid: the images may be too small.
    pub fn graph(self, input: Shape, classes: usize) -> Graph {
        match self {
            Self::Lenet5 => lenet::graph(input, classes),
            Self::Vgg11Bn => vgg::graph(input, classes),
            Self::Resnet20 => resnet::graph(input, classes, 3),
            Self::Resnet56 => resnet::graph(input, classes, 9),
            Self::MobilenetV2 => mobilenet::graph(input, classes),
        }
    }

    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lenet5 => "lenet5",
            Self::Vgg11Bn => "vgg11-bn",
            Self::Resnet20 => "resnet20",
            Self::Resnet56 => "resnet56",
            Self::MobilenetV2 => "mobilenet-v2",
        }
    }
}

impl FromStr for KnownNetwork {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|known| known.name() == name).ok_or(())
    }
}

impl fmt::Display for KnownNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A batch normalisation with PyTorch's defaults.
const NORM: Op = Op::BatchNorm { epsilon: 1e-5, momentum: 0.1 };

/// Appends a convolution without a bias and its normalisation. A window of 3 is padded by 1.
fn conv_norm(
    graph: &mut Graph,
    [conv, norm]: [String; 2],
    outputs: usize,
    kernel: usize,
    stride: usize,
) -> Value {
    let slide = Slide::of(kernel).stride(stride).padding(kernel / 2);
    graph.append(conv, Op::Conv2d { outputs, slide, bias: false });
    graph.append(norm, NORM)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CIFAR: Shape = Shape { height: 32, width: 32, channels: 3 };

    #[test]
    fn sizes_are_those_that_are_published() {
        let sizes = |known: KnownNetwork, input| {
            let graph = known.graph(input, 10);
            graph.validate(1).unwrap();
            (graph.parameters(), graph.macs().unwrap().all)
        };
        let mnist = Shape { height: 28, width: 28, channels: 1 };
        assert_eq!(sizes(KnownNetwork::Lenet5, mnist), (61_706, 416_520));
        // He et al. count 0.27 and 0.85 million parameters, and 41 and 126 million products.
        assert_eq!(sizes(KnownNetwork::Resnet20, CIFAR), (272_474, 40_813_184));
        assert_eq!(sizes(KnownNetwork::Resnet56, CIFAR), (855_770, 125_747_840));
        assert_eq!(sizes(KnownNetwork::Vgg11Bn, CIFAR), (9_228_362, 152_769_536));
        assert_eq!(sizes(KnownNetwork::MobilenetV2, CIFAR).0, 2_236_682);
    }

    #[test]
    fn a_name_is_read_as_it_is_written() {
        for known in KnownNetwork::ALL {
            assert_eq!(known.to_string().parse(), Ok(known));
        }
        assert_eq!("resnet21".parse::<KnownNetwork>(), Err(()));
    }

    #[test]
    fn the_groups_of_a_residual_network_are_its_stages_and_its_blocks() {
        let graph = KnownNetwork::Resnet20.graph(CIFAR, 10);
        let groups = graph.free_groups();
        // A stage is one group of its residual sums; every block has one group inside.
        assert_eq!(groups.len(), 3 + 9);
        let stage = groups.iter().find(|group| group.name == "conv1").unwrap();
        let makes: Vec<&str> = stage.makes.iter().map(|tie| tie.parameter.as_str()).collect();
        let expected = ["conv1", "layer1.0.conv2", "layer1.1.conv2", "layer1.2.conv2"];
        assert_eq!(makes, expected.map(|name| format!("{name}.weight")));
        // Each of the four normalisations has two parameters and two statistics.
        assert_eq!(stage.follows.len(), 16);
        assert_eq!(stage.uses.len(), 3 + 2);
    }
}
