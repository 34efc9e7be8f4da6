//! Folds batch normalisations into the layers before them.

use rayclip_model::{Exported, Graph, HostTensor, Node, Op, Value};

/// Folds every batch normalisation into the fully connected or convolutional node that it reads, if nothing else reads
/// that node. Returns sentences about those that stay.
///
/// A folded node computes `γ / √(σ² + ε) · (x W + b − μ) + β`; the factors are computed in f64. Running statistics are
/// constants then, so the network is not meant for training.
pub fn fold_batch_norms(graph: &mut Graph, tensors: &mut Exported) -> Vec<String> {
    let mut notes = vec![];
    let mut number = 0;
    while number < graph.nodes.len() {
        match foldable(graph, number) {
            None => number += 1,
            Some(Ok(before)) => {
                if fold(graph, tensors, before, number).is_some() {
                    remove(graph, number, before);
                } else {
                    let name = &graph.nodes[number].name;
                    notes.push(format!("{name} is not folded: its variance has no root"));
                    number += 1;
                }
            }
            Some(Err(reason)) => {
                notes.push(format!("{} is not folded: {reason}", graph.nodes[number].name));
                number += 1;
            }
        }
    }
    notes
}

/// Returns the node that the batch normalisation `number` can be folded into, or why there is none; `None` if it is
/// another operation.
fn foldable(graph: &Graph, number: usize) -> Option<Result<usize, String>> {
    let Node { op: Op::BatchNorm { .. }, inputs, .. } = &graph.nodes[number] else { return None };
    let Value::Node(before) = inputs[0] else {
        return Some(Err("it reads the images".into()));
    };
    let node = &graph.nodes[before];
    let is_layer =
        matches!(node.op, Op::Linear { .. } | Op::Conv2d { .. } | Op::DepthwiseConv2d { .. });
    if !is_layer {
        return Some(Err(format!("it reads {}, which is no convolution or layer", node.name)));
    }
    let reads = |node: &&Node| node.inputs.contains(&Value::Node(before));
    let mut readers =
        graph.nodes.iter().filter(reads).filter(|node| node.name != graph.nodes[number].name);
    if let Some(other) = readers.next() {
        return Some(Err(format!("{} reads {} too", other.name, node.name)));
    }
    if graph.output == Value::Node(before) {
        return Some(Err(format!("{} is also the output", node.name)));
    }
    Some(Ok(before))
}

/// Folds the normalisation `number` into the tensors of node `before`. Returns `None` if a variance is too small.
fn fold(graph: &mut Graph, tensors: &mut Exported, before: usize, number: usize) -> Option<()> {
    let norm = &graph.nodes[number];
    let Op::BatchNorm { epsilon, .. } = norm.op else { return None };
    let vector = |name: &str| -> Option<Vec<f64>> {
        let tensor = tensors.get(&norm.parameter(name))?;
        Some(tensor.values.iter().copied().map(f64::from).collect())
    };
    let [scale, shift] = [vector("weight")?, vector("bias")?];
    let [mean, variance] = [vector("running_mean")?, vector("running_var")?];
    let factors: Vec<f64> = scale
        .iter()
        .zip(&variance)
        .map(|(scale, variance)| scale / (variance + epsilon).sqrt())
        .collect();
    if !factors.iter().all(|factor| factor.is_finite()) {
        return None;
    }
    let layer = &graph.nodes[before];
    let (weight, bias) = (layer.parameter("weight"), layer.parameter("bias"));
    let own_bias = tensors.get(&bias).map(|tensor| tensor.values.clone());
    // The outputs are the first axis of every layout.
    let weights = tensors.get_mut(&weight)?;
    let of_output = weights.values.len().checked_div(factors.len())?.max(1);
    for (values, factor) in weights.values.chunks_mut(of_output).zip(&factors) {
        for value in values {
            *value = (f64::from(*value) * factor) as f32;
        }
    }
    let folded = (0..factors.len()).map(|output| {
        let own = own_bias.as_ref().map_or(0.0, |bias| f64::from(bias[output]));
        ((own - mean[output]) * factors[output] + shift[output]) as f32
    });
    let folded = HostTensor { extents: vec![factors.len()], values: folded.collect() };
    tensors.insert(bias, folded);
    for name in ["weight", "bias", "running_mean", "running_var"] {
        tensors.remove(&norm.parameter(name));
    }
    match &mut graph.nodes[before].op {
        Op::Linear { bias, .. } | Op::Conv2d { bias, .. } | Op::DepthwiseConv2d { bias, .. } => {
            *bias = true;
        }
        _ => {}
    }
    Some(())
}

/// Removes node `number`. What reads it reads node `instead`, which comes before it.
fn remove(graph: &mut Graph, number: usize, instead: usize) {
    graph.nodes.remove(number);
    let moved = |value: Value| match value {
        Value::Node(node) if node == number => Value::Node(instead),
        Value::Node(node) if node > number => Value::Node(node - 1),
        other => other,
    };
    for node in &mut graph.nodes {
        for value in &mut node.inputs {
            *value = moved(*value);
        }
    }
    graph.output = moved(graph.output);
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor, TensorData};
    use rayclip_model::{Population, Shape, Slide};

    use super::*;

    const NORM: Op = Op::BatchNorm { epsilon: 1e-3, momentum: 0.1 };

    /// A network of which two normalisations can be folded; one reads a value that another node reads too, and one
    /// reads the images.
    fn network() -> (Graph, Exported) {
        let slide = Slide::of(3).padding(1);
        let mut graph = Graph::new(Shape { height: 3, width: 3, channels: 2 });
        graph.append("first", NORM);
        graph.append("conv", Op::Conv2d { outputs: 4, slide, bias: false });
        graph.append("norm", NORM);
        let own = graph.append("own", Op::DepthwiseConv2d { slide, bias: true });
        let own_norm = graph.append("own_norm", NORM);
        graph.append_to("sum", Op::Add, &[own, own_norm]);
        graph.append("flat", Op::Flatten);
        graph.append("fc", Op::Linear { outputs: 3, bias: true });
        graph.append("fc_norm", NORM);
        graph.validate(1).unwrap();
        let mut number = 0_u32;
        let mut draw = |name: &str| {
            number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let value = number as f32 / u32::MAX as f32 - 0.5;
            if name.ends_with("running_var") { value + 1.0 } else { value }
        };
        let tensor = |(name, extents): (String, Vec<usize>)| {
            let values = (0..extents.iter().product()).map(|_| draw(&name)).collect();
            (name, HostTensor { extents, values })
        };
        let tensors = graph.exported_extents().into_iter().map(tensor).collect();
        (graph, tensors)
    }

    fn scores(graph: &Graph, tensors: &Exported) -> Vec<f32> {
        let network: Population = tensors.population(graph, &Device::flex()).unwrap();
        let images: Vec<f32> = (0..36_u8).map(|value| f32::from(value % 7) - 3.0).collect();
        let images = Tensor::from_data(TensorData::new(images, [1, 18, 2]), &Device::flex());
        network.forward(images).into_data().try_to_vec().unwrap()
    }

    #[test]
    fn a_folded_network_has_the_same_scores() {
        let (mut graph, mut tensors) = network();
        let before = scores(&graph, &tensors);
        let notes = fold_batch_norms(&mut graph, &mut tensors);
        graph.validate(1).unwrap();
        let names: Vec<&str> = graph.nodes.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names, ["first", "conv", "own", "own_norm", "sum", "flat", "fc"]);
        let expected = [
            "first is not folded: it reads the images",
            "own_norm is not folded: sum reads own too",
        ];
        assert_eq!(notes, expected);
        let mut expected = graph.exported_extents();
        expected.sort();
        let found = tensors.iter().map(|(name, tensor)| (name.to_owned(), tensor.extents.clone()));
        assert_eq!(found.collect::<Vec<_>>(), expected);
        for (after, before) in scores(&graph, &tensors).iter().zip(&before) {
            assert!((after - before).abs() < 1e-5, "{after} {before}");
        }
    }

    #[test]
    fn a_variance_without_a_root_is_not_folded() {
        let (mut graph, mut tensors) = network();
        tensors.get_mut("norm.running_var").unwrap().values[2] = -1.0;
        let weight = tensors.get("conv.weight").cloned();
        let notes = fold_batch_norms(&mut graph, &mut tensors);
        assert!(notes.contains(&"norm is not folded: its variance has no root".to_owned()));
        assert_eq!(tensors.get("conv.weight").cloned(), weight);
        assert!(graph.nodes.iter().any(|node| node.name == "norm"));
    }

    #[test]
    fn a_normalisation_behind_something_else_stays() {
        let mut graph = Graph::new(Shape::vector(3));
        let fc = graph.append("fc", Op::Linear { outputs: 2, bias: true });
        graph.append("sum", Op::Add);
        graph.nodes[1].inputs = vec![fc, fc];
        graph.append("norm", NORM);
        let mut tensors = Exported::default();
        let notes = fold_batch_norms(&mut graph, &mut tensors);
        assert_eq!(notes, ["norm is not folded: it reads sum, which is no convolution or layer"]);
        assert_eq!(graph.nodes.len(), 3);
    }
}
