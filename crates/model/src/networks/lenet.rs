//! LeNet-5.
//!
//! # References
//! LeCun, Bottou, Bengio, Haffner, *Gradient-based learning applied to document recognition* (Proceedings of the
//! IEEE 86, 1998), with rectified layers and maximum pooling, as it is used today.

use crate::graph::{Activation, Graph, Op, Shape, Slide};

const RELU: Op = Op::Activation(Activation::Relu);

pub(super) fn graph(input: Shape, classes: usize) -> Graph {
    let mut graph = Graph::new(input);
    // The original pads the images of MNIST to 32 × 32.
    let padding = if input.height < 32 { 2 } else { 0 };
    for (layer, (outputs, padding)) in (1..).zip([(6, padding), (16, 0)]) {
        let slide = Slide::of(5).padding(padding);
        graph.append(format!("conv{layer}"), Op::Conv2d { outputs, slide, bias: true });
        graph.append(format!("relu{layer}"), RELU);
        graph.append(format!("pool{layer}"), Op::MaxPool(Slide::of(2).stride(2)));
    }
    graph.append("flatten", Op::Flatten);
    for (layer, outputs) in (1..).zip([120, 84]) {
        graph.append(format!("fc{layer}"), Op::Linear { outputs, bias: true });
        graph.append(format!("relu{}", layer + 2), RELU);
    }
    graph.append("fc3", Op::Linear { outputs: classes, bias: true });
    graph
}
