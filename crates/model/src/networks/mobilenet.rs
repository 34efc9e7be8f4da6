//! MobileNet-V2, with the strides that are usual for small images: the first two stages keep all positions.
//!
//! # References
//! Sandler, Howard, Zhu, Zhmoginov, Chen, *`MobileNetV2`: Inverted residuals and linear bottlenecks* (CVPR 2018), table
//! 2.

use super::{NORM, conv_norm};
use crate::graph::{Activation, Graph, Op, Shape, Slide, Value};

const RELU6: Op = Op::Activation(Activation::Relu6);

/// Expansion, outputs, blocks and stride of every stage.
const STAGES: [[usize; 4]; 7] = [
    [1, 16, 1, 1],
    [6, 24, 2, 1],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, 2],
    [6, 320, 1, 1],
];

pub(super) fn graph(input: Shape, classes: usize) -> Graph {
    let mut graph = Graph::new(input);
    let names = |number: usize| [0, 1].map(|part| format!("features.{number}.{part}"));
    conv_norm(&mut graph, names(0), 32, 3, 1);
    graph.append("features.0.2", RELU6);
    let (mut width, mut number) = (32, 1);
    for [expansion, outputs, blocks, stride] in STAGES {
        for block in 0..blocks {
            let stride = if block == 0 { stride } else { 1 };
            let bottleneck = Bottleneck { number, expanded: width * expansion, outputs, stride };
            bottleneck.append(&mut graph, width);
            (width, number) = (outputs, number + 1);
        }
    }
    conv_norm(&mut graph, names(number), 1280, 1, 1);
    graph.append(format!("features.{number}.2"), RELU6);
    graph.append("avgpool", Op::GlobalAveragePool);
    graph.append("classifier.0", Op::Dropout { probability: 0.2 });
    graph.append("classifier.1", Op::Linear { outputs: classes, bias: true });
    graph
}

/// An inverted residual: expand, convolve every channel by itself, project.
struct Bottleneck {
    number: usize,
    expanded: usize,
    outputs: usize,
    stride: usize,
}

impl Bottleneck {
    /// Appends the block, which reads `width` channels.
    fn append(&self, graph: &mut Graph, width: usize) -> Value {
        let input = graph.output;
        let name = |part: &str| format!("features.{}.conv.{part}", self.number);
        let has_expansion = self.expanded != width;
        if has_expansion {
            conv_norm(graph, [name("0.0"), name("0.1")], self.expanded, 1, 1);
            graph.append(name("0.2"), RELU6);
        }
        let [own, project, norm] = if has_expansion { ["1", "2", "3"] } else { ["0", "1", "2"] };
        let slide = Slide::of(3).stride(self.stride).padding(1);
        graph.append(name(&format!("{own}.0")), Op::DepthwiseConv2d { slide, bias: false });
        graph.append(name(&format!("{own}.1")), NORM);
        graph.append(name(&format!("{own}.2")), RELU6);
        let result = conv_norm(graph, [name(project), name(norm)], self.outputs, 1, 1);
        if self.stride != 1 || self.outputs != width {
            return result;
        }
        graph.append_to(format!("features.{}.add", self.number), Op::Add, &[result, input])
    }
}
