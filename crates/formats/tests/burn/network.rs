//! A network with 1524 parameters, written by rayclip.
//!
//! ```ignore
//! let network = Network::load("network.bpk", &Device::default())?;
//! let scores = network.forward(images);
//! ```

use burn::module::Module;
use burn::nn;
use burn::store::{BurnpackStore, ModuleSnapshot};
use burn::tensor::{Device, Tensor};

/// Computes a score for every class.
#[derive(Module, Debug)]
pub struct Network {
    stem_0: nn::conv::Conv2d,
    stem_1: nn::BatchNorm,
    norm: nn::LayerNorm,
    everywhere: nn::Linear,
    own_0: nn::conv::Conv2d,
    gate_fc: nn::Linear,
    conv_gate_conv: nn::conv::Conv2d,
    drop: nn::Dropout,
    side: nn::Linear,
    side_norm: nn::LayerNorm,
    node_0: nn::Linear,
    bn: nn::BatchNorm,
    node_1: nn::Linear,
}

impl Network {
    /// Returns the network with drawn weights.
    pub fn new(device: &Device) -> Self {
        Self {
            stem_0: nn::conv::Conv2dConfig::new([4, 6], [3, 2]).with_padding(nn::PaddingConfig2d::Explicit(1, 0, 2, 1)).with_bias(false).init(device),
            stem_1: nn::BatchNormConfig::new(6).with_epsilon(0.001).with_momentum(0.01).init(device),
            norm: nn::LayerNormConfig::new(12).with_epsilon(1e-5).init(device),
            everywhere: nn::LinearConfig::new(12, 8).init(device),
            own_0: nn::conv::Conv2dConfig::new([8, 8], [3, 3]).with_padding(nn::PaddingConfig2d::Explicit(0, 1, 0, 1)).with_groups(8).init(device),
            gate_fc: nn::LinearConfig::new(8, 8).init(device),
            conv_gate_conv: nn::conv::Conv2dConfig::new([8, 8], [1, 1]).init(device),
            drop: nn::DropoutConfig::new(0.1).init(),
            side: nn::LinearConfig::new(8, 5).with_bias(false).init(device),
            side_norm: nn::LayerNormConfig::new(5).with_epsilon(0.001).init(device),
            node_0: nn::LinearConfig::new(101, 9).init(device),
            bn: nn::BatchNormConfig::new(9).with_epsilon(1e-5).with_momentum(0.1).init(device),
            node_1: nn::LinearConfig::new(9, 3).init(device),
        }
    }

    /// Returns the network with the weights of a file.
    ///
    /// # Errors
    /// The file cannot be read, or has other tensors.
    pub fn load(path: &str, device: &Device) -> Result<Self, Box<dyn std::error::Error>> {
        let mut network = Self::new(device);
        network.load_from(&mut BurnpackStore::from_file(path))?;
        Ok(network)
    }

    /// Computes the scores of normalised images.
    ///
    /// # Shapes
    /// `[image, channel, height, width] → [image, class]`.
    pub fn forward(&self, input: Tensor<4>) -> Tensor<2> {
        let stem_0 = self.stem_0.forward(input);
        let stem_1 = self.stem_1.forward(stem_0);
        let stem_2 = burn::tensor::activation::hard_swish(stem_1);
        let mean = nn::pool::AvgPool2dConfig::new([3, 3]).with_strides([1, 1]).with_padding(nn::PaddingConfig2d::Explicit(1, 1, 1, 0)).with_count_include_pad(false).init().forward(stem_2.clone());
        let other = nn::pool::AvgPool2dConfig::new([2, 2]).with_strides([1, 1]).with_padding(nn::PaddingConfig2d::Explicit(1, 0, 0, 0)).init().forward(stem_2);
        let both = Tensor::cat(vec![mean, other], 1);
        let norm = self.norm.forward(both.permute([0, 2, 3, 1])).permute([0, 3, 1, 2]);
        let everywhere = self.everywhere.forward(norm.permute([0, 2, 3, 1])).permute([0, 3, 1, 2]);
        let leaky = burn::tensor::activation::leaky_relu(everywhere, 0.2);
        let dilated = nn::conv::Conv2dConfig::new([8, 8], [2, 2]).with_dilation([2, 2]).with_groups(8).with_bias(false).with_initializer(nn::Initializer::Constant { value: 0.25 }).init(&leaky.device()).forward(leaky);
        let own_0 = self.own_0.forward(dilated);
        let own_1 = burn::tensor::activation::silu(own_0);
        let gate_squeeze = own_1.clone().mean_dim(2).mean_dim(3).flatten::<2>(1, 3);
        let gate_fc = self.gate_fc.forward(gate_squeeze);
        let gate_sigmoid = burn::tensor::activation::sigmoid(gate_fc);
        let scaled = gate_sigmoid.unsqueeze_dims::<4>(&[2, 3]) * own_1.clone();
        let conv_gate_pool = own_1.clone().mean_dim(2).mean_dim(3);
        let conv_gate_conv = self.conv_gate_conv.forward(conv_gate_pool);
        let conv_gate_relu6 = conv_gate_conv.clamp(0.0, 6.0);
        let again = scaled.clone() * conv_gate_relu6;
        let sum = again + scaled + own_1;
        let pool = nn::pool::MaxPool2dConfig::new([2, 2]).with_strides([1, 1]).with_padding(nn::PaddingConfig2d::Explicit(1, 0, 0, 1)).init().forward(sum);
        let drop = self.drop.forward(pool);
        let flat = drop.clone().flatten::<2>(1, 3);
        let mean_of_pool = drop.mean_dim(2).mean_dim(3).flatten::<2>(1, 3);
        let side = self.side.forward(mean_of_pool);
        let side_norm = self.side_norm.forward(side);
        let features = Tensor::cat(vec![flat, side_norm], 1);
        let node_0 = self.node_0.forward(features);
        let bn = self.bn.forward(node_0);
        let gelu = burn::tensor::activation::gelu(bn);
        let node_1 = self.node_1.forward(gelu);
        node_1
    }
}
