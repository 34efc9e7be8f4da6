//! VGG-11 with batch normalisation.
//!
//! # References
//! Simonyan, Zisserman, *Very deep convolutional networks for large-scale image recognition* (ICLR 2015),
//! configuration A. For small images, one fully connected layer follows the convolutions.

use super::conv_norm;
use crate::graph::{Activation, Graph, Op, Shape, Slide};

/// Outputs of the convolutions of every stage. A pool follows every stage.
const STAGES: [&[usize]; 5] = [&[64], &[128], &[256, 256], &[512, 512], &[512, 512]];

pub(super) fn graph(input: Shape, classes: usize) -> Graph {
    let mut graph = Graph::new(input);
    let mut number = 0;
    let mut extent = input.height.min(input.width);
    for stage in STAGES {
        for &outputs in stage {
            let names = [number, number + 1].map(|number| format!("features.{number}"));
            conv_norm(&mut graph, names, outputs, 3, 1);
            graph.append(format!("features.{}", number + 2), Op::Activation(Activation::Relu));
            number += 3;
        }
        // After a few pools, small images have one position.
        if extent >= 2 {
            graph.append(format!("features.{number}"), Op::MaxPool(Slide::of(2).stride(2)));
            extent /= 2;
        }
        number += 1;
    }
    graph.append("avgpool", Op::GlobalAveragePool);
    graph.append("classifier", Op::Linear { outputs: classes, bias: true });
    graph
}
