//! The form of an operation in files.

use serde::{Deserialize, Serialize};

use crate::graph::{self, Activation, Slide};

/// An operation: a name, or a name with a table.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Op {
    Linear {
        outputs: usize,
        #[serde(default = "yes")]
        bias: bool,
    },
    Conv2d(Windowed),
    DepthwiseConv2d(Windowed),
    BatchNorm {
        #[serde(default = "epsilon")]
        epsilon: f64,
        #[serde(default = "momentum")]
        momentum: f64,
    },
    LayerNorm {
        #[serde(default = "epsilon")]
        epsilon: f64,
    },
    Relu,
    Relu6,
    LeakyRelu {
        #[serde(default = "slope")]
        slope: f64,
    },
    Gelu,
    Silu,
    Sigmoid,
    HardSwish,
    HardSigmoid,
    Tanh,
    MaxPool(Windowed),
    AveragePool(Windowed),
    GlobalAveragePool,
    Flatten,
    Add,
    Mul,
    Concat,
    Dropout {
        probability: f64,
    },
    /// As written before there were other functions.
    Activation(OnlyRelu),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum OnlyRelu {
    Relu,
}

/// An operation with a window.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Windowed {
    #[serde(skip_serializing_if = "Option::is_none")]
    outputs: Option<usize>,
    kernel: Extents,
    #[serde(skip_serializing_if = "Option::is_none")]
    stride: Option<Extents>,
    #[serde(skip_serializing_if = "Option::is_none")]
    padding: Option<Extents>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dilation: Option<Extents>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bias: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count_padding: Option<bool>,
}

/// One number for all sides, one for the height and one for the width, or top, left, bottom, right.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Extents {
    All(usize),
    Axes([usize; 2]),
    Sides([usize; 4]),
}

impl Default for Extents {
    fn default() -> Self {
        Self::All(1)
    }
}

fn yes() -> bool {
    true
}

/// As in PyTorch.
fn epsilon() -> f64 {
    1e-5
}

/// As in PyTorch.
fn momentum() -> f64 {
    0.1
}

/// As in PyTorch.
fn slope() -> f64 {
    0.01
}

impl Op {
    pub(super) fn read(self) -> Result<graph::Op, String> {
        let activation = |function| Ok(graph::Op::Activation(function));
        match self {
            Self::Linear { outputs, bias } => Ok(graph::Op::Linear { outputs, bias }),
            Self::Conv2d(windowed) => {
                windowed.refuse(&["count_padding"])?;
                let outputs = windowed.outputs.ok_or("it needs the number of its outputs")?;
                let bias = windowed.bias.unwrap_or(true);
                Ok(graph::Op::Conv2d { outputs, slide: windowed.slide(false)?, bias })
            }
            Self::DepthwiseConv2d(windowed) => {
                windowed.refuse(&["outputs", "count_padding"])?;
                let bias = windowed.bias.unwrap_or(true);
                Ok(graph::Op::DepthwiseConv2d { slide: windowed.slide(false)?, bias })
            }
            Self::BatchNorm { epsilon, momentum } => Ok(graph::Op::BatchNorm { epsilon, momentum }),
            Self::LayerNorm { epsilon } => Ok(graph::Op::LayerNorm { epsilon }),
            Self::Relu | Self::Activation(OnlyRelu::Relu) => activation(Activation::Relu),
            Self::Relu6 => activation(Activation::Relu6),
            Self::LeakyRelu { slope } => activation(Activation::LeakyRelu { slope }),
            Self::Gelu => activation(Activation::Gelu),
            Self::Silu => activation(Activation::Silu),
            Self::Sigmoid => activation(Activation::Sigmoid),
            Self::HardSwish => activation(Activation::HardSwish),
            Self::HardSigmoid => activation(Activation::HardSigmoid),
            Self::Tanh => activation(Activation::Tanh),
            Self::MaxPool(windowed) => {
                windowed.refuse(&["outputs", "bias", "count_padding"])?;
                Ok(graph::Op::MaxPool(windowed.slide(true)?))
            }
            Self::AveragePool(windowed) => {
                windowed.refuse(&["outputs", "bias"])?;
                let count_padding = windowed.count_padding.unwrap_or(true);
                Ok(graph::Op::AveragePool { slide: windowed.slide(true)?, count_padding })
            }
            Self::GlobalAveragePool => Ok(graph::Op::GlobalAveragePool),
            Self::Flatten => Ok(graph::Op::Flatten),
            Self::Add => Ok(graph::Op::Add),
            Self::Mul => Ok(graph::Op::Mul),
            Self::Concat => Ok(graph::Op::Concat),
            Self::Dropout { probability } => Ok(graph::Op::Dropout { probability }),
        }
    }

    pub(super) fn write(op: graph::Op) -> Self {
        match op {
            graph::Op::Linear { outputs, bias } => Self::Linear { outputs, bias },
            graph::Op::Conv2d { outputs, slide, bias } => Self::Conv2d(Windowed {
                outputs: Some(outputs),
                bias: Some(bias),
                ..Windowed::of(slide)
            }),
            graph::Op::DepthwiseConv2d { slide, bias } => {
                Self::DepthwiseConv2d(Windowed { bias: Some(bias), ..Windowed::of(slide) })
            }
            graph::Op::BatchNorm { epsilon, momentum } => Self::BatchNorm { epsilon, momentum },
            graph::Op::LayerNorm { epsilon } => Self::LayerNorm { epsilon },
            graph::Op::Activation(function) => match function {
                Activation::Relu => Self::Relu,
                Activation::Relu6 => Self::Relu6,
                Activation::LeakyRelu { slope } => Self::LeakyRelu { slope },
                Activation::Gelu => Self::Gelu,
                Activation::Silu => Self::Silu,
                Activation::Sigmoid => Self::Sigmoid,
                Activation::HardSwish => Self::HardSwish,
                Activation::HardSigmoid => Self::HardSigmoid,
                Activation::Tanh => Self::Tanh,
            },
            graph::Op::MaxPool(slide) => Self::MaxPool(Windowed::of(slide)),
            graph::Op::AveragePool { slide, count_padding } => Self::AveragePool(Windowed {
                count_padding: Some(count_padding),
                ..Windowed::of(slide)
            }),
            graph::Op::GlobalAveragePool => Self::GlobalAveragePool,
            graph::Op::Flatten => Self::Flatten,
            graph::Op::Add => Self::Add,
            graph::Op::Mul => Self::Mul,
            graph::Op::Concat => Self::Concat,
            graph::Op::Dropout { probability } => Self::Dropout { probability },
        }
    }
}

impl Windowed {
    fn of(slide: Slide) -> Self {
        let Slide { kernel, stride, padding, dilation } = slide;
        Self {
            kernel: Extents::Axes(kernel),
            stride: Some(Extents::Axes(stride)),
            padding: Some(Extents::Sides(padding)),
            dilation: Some(Extents::Axes(dilation)),
            ..Self::default()
        }
    }

    /// Refuses keys that the operation does not have.
    fn refuse(&self, keys: &[&str]) -> Result<(), String> {
        let given = [
            ("outputs", self.outputs.is_some()),
            ("bias", self.bias.is_some()),
            ("count_padding", self.count_padding.is_some()),
        ];
        match given.into_iter().find(|(key, given)| *given && keys.contains(key)) {
            Some((key, _)) => Err(format!("the operation has no key `{key}`")),
            None => Ok(()),
        }
    }

    /// Returns the window. That of a pool moves by its own extents unless a stride is given.
    fn slide(&self, is_pool: bool) -> Result<Slide, String> {
        let axes = |name: &str, extents: &Extents| match *extents {
            Extents::All(extent) => Ok([extent; 2]),
            Extents::Axes(extents) => Ok(extents),
            Extents::Sides(_) => Err(format!("{name} has one number or two")),
        };
        let or_one = |name: &str, extents: &Option<Extents>| {
            extents.as_ref().map_or(Ok([1; 2]), |extents| axes(name, extents))
        };
        let kernel = axes("kernel", &self.kernel)?;
        let stride = match &self.stride {
            None if is_pool => kernel,
            stride => or_one("stride", stride)?,
        };
        let padding = match self.padding {
            None => [0; 4],
            Some(Extents::All(padding)) => [padding; 4],
            Some(Extents::Axes([height, width])) => [height, width, height, width],
            Some(Extents::Sides(sides)) => sides,
        };
        Ok(Slide { kernel, stride, padding, dilation: or_one("dilation", &self.dilation)? })
    }
}
