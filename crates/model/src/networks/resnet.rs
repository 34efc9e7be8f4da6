//! Residual networks for small images.
//!
//! # References
//! He, Zhang, Ren, Sun, *Deep residual learning for image recognition* (CVPR 2016), section 4.2, with projections
//! where the widths differ (option B).

use super::conv_norm;
use crate::graph::{Activation, Graph, Op, Shape, Value};

const RELU: Op = Op::Activation(Activation::Relu);

/// Three stages of `blocks` blocks: `6 · blocks + 2` layers.
pub(super) fn graph(input: Shape, classes: usize, blocks: usize) -> Graph {
    let mut graph = Graph::new(input);
    conv_norm(&mut graph, ["conv1".into(), "bn1".into()], 16, 3, 1);
    let mut last = graph.append("relu", RELU);
    for (stage, width) in (1..).zip([16, 32, 64]) {
        for number in 0..blocks {
            let stride = if number == 0 && stage > 1 { 2 } else { 1 };
            let name = format!("layer{stage}.{number}");
            last = block(&mut graph, &name, last, width, stride);
        }
    }
    graph.append("avgpool", Op::GlobalAveragePool);
    graph.append("fc", Op::Linear { outputs: classes, bias: true });
    graph
}

/// Appends a block that reads `input`: two convolutions, beside the input or its projection.
fn block(graph: &mut Graph, name: &str, input: Value, width: usize, stride: usize) -> Value {
    graph.output = input;
    let names = |part: &str| [format!("{name}.conv{part}"), format!("{name}.bn{part}")];
    conv_norm(graph, names("1"), width, 3, stride);
    graph.append(format!("{name}.relu1"), RELU);
    let inner = conv_norm(graph, names("2"), width, 3, 1);
    let beside = if stride == 1 {
        input
    } else {
        graph.output = input;
        let names = [0, 1].map(|part| format!("{name}.downsample.{part}"));
        conv_norm(graph, names, width, 1, stride)
    };
    graph.append_to(format!("{name}.add"), Op::Add, &[inner, beside]);
    graph.append(format!("{name}.relu2"), RELU)
}
