//! Random graphs: a cut network has the logits of the larger one with the cut channels silenced.

use burn::tensor::{Device, Tensor, TensorData};
use proptest::prelude::*;
use proptest::sample::Index;
use rand::RngExt;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

use crate::export::Exported;
use crate::graph::{Activation, Graph, Node, Op, Shape, Slide, Value};
use crate::population::Population;

/// The maximum number of concatenated channels.
const MOST_CHANNELS: usize = 24;

fn normal(extents: [usize; 3], rng: &mut ChaCha8Rng) -> Tensor<3> {
    let count = extents.iter().product();
    let values: Vec<f32> = StandardNormal.sample_iter(rng).take(count).collect();
    Tensor::from_data(TensorData::new(values, extents), &Device::flex())
}

/// Returns networks with random weights, biases and statistics.
pub(crate) fn drawn(graph: &Graph, replicas: usize, seed: u64) -> Population {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let drawn = Population::from_tensors(graph, replicas, |name, extents| {
        let drawn = normal(extents, &mut rng);
        Ok::<_, ()>(if name.ends_with("running_var") { drawn.abs() + 0.5 } else { drawn })
    });
    drawn.unwrap()
}

/// Cuts all free groups of the networks, one after the other. After each cut, the logits must equal those of the
/// larger networks with the same channels silenced, and the store must fit the smaller graph.
///
/// # Errors
/// What does not hold.
pub(crate) fn assert_cuts_are_silenced(
    mut network: Population,
    seed: u64,
) -> Result<(), TestCaseError> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (input, replicas) = (network.graph().input, network.replicas());
    for index in 0..network.graph().free_groups().len() {
        let group = &network.graph().free_groups()[index];
        let count = rng.random_range(1..=group.width);
        let mut keep = || {
            let mut kept = sample(&mut rng, group.width, count).into_vec();
            kept.sort_unstable();
            kept
        };
        let kept: Vec<Vec<usize>> = (0..replicas).map(|_| keep()).collect();
        // Five images; for every other group, all replicas share them.
        let sets = if index % 2 == 0 { replicas } else { 1 };
        let images = normal([sets, 5 * input.positions(), input.channels], &mut rng);
        let silenced = network.forward_silenced(images.clone(), group, &kept);
        let smaller = network.clone().cut(group, &kept);
        assert_close(smaller.forward(images), silenced)?;

        let cut = &smaller.graph().free_groups()[index];
        prop_assert_eq!((&cut.name, cut.width), (&group.name, count));
        prop_assert!(smaller.graph().validate(replicas).is_ok());
        let dims = smaller.parameters().iter().map(|(name, value)| (name.to_owned(), value.dims()));
        let extents = smaller.graph().extents().into_iter();
        let extents = extents.map(|(name, [rows, columns])| (name, [replicas, rows, columns]));
        prop_assert_eq!(dims.collect::<Vec<_>>(), extents.collect::<Vec<_>>());
        let state = smaller.state().iter().map(|(name, value)| (name.to_owned(), value.dims()));
        let extents = smaller.graph().state_extents().into_iter();
        let extents = extents.map(|(name, [rows, columns])| (name, [replicas, rows, columns]));
        prop_assert_eq!(state.collect::<Vec<_>>(), extents.collect::<Vec<_>>());
        let numbers = smaller.parameters().iter().map(|(_, value)| value.shape().num_elements());
        prop_assert_eq!(numbers.sum::<usize>(), replicas * smaller.graph().parameters());
        network = smaller;
    }
    Ok(())
}

fn assert_close(found: Tensor<3>, expected: Tensor<3>) -> Result<(), TestCaseError> {
    prop_assert_eq!(found.dims(), expected.dims());
    let values = |tensor: Tensor<3>| tensor.into_data().try_to_vec::<f32>().unwrap();
    let (found, expected) = (values(found), values(expected));
    let largest = expected.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    for (found, expected) in found.iter().zip(&expected) {
        prop_assert!((found - expected).abs() <= 1e-4 * largest, "{} {}", found, expected);
    }
    Ok(())
}

/// The description of a random node.
#[derive(Debug, Clone)]
struct Gene {
    kind: u8,
    /// Which of the possible inputs it reads: the first, and the others.
    first: Index,
    others: Vec<Index>,
    outputs: usize,
    bias: bool,
    slide: Slide,
    activation: Activation,
}

/// A graph to which valid nodes are added.
struct Growing {
    graph: Graph,
}

impl Growing {
    fn values(&self) -> Vec<(Value, Shape)> {
        let nodes = self.graph.shapes().into_iter().enumerate();
        let nodes = nodes.map(|(number, shape)| (Value::Node(number), shape));
        std::iter::once((Value::Input, self.graph.input)).chain(nodes).collect()
    }

    fn append(&mut self, op: Op, inputs: Vec<Value>) -> Value {
        let nodes = &mut self.graph.nodes;
        nodes.push(Node { name: format!("node_{}", nodes.len()), op, inputs });
        Value::Node(nodes.len() - 1)
    }

    /// Adds the node of a gene, unless it would be too wide, or its window does not fit.
    fn grow(&mut self, gene: &Gene) {
        let values = self.values();
        let (first, shape) = *gene.first.get(&values);
        let beside = |fits: &dyn Fn(&Shape) -> bool| {
            let fitting: Vec<&(Value, Shape)> =
                values.iter().filter(|(_, other)| fits(other)).collect();
            let others = gene.others.iter().map(|index| **index.get(&fitting));
            std::iter::once((first, shape)).chain(others).collect::<Vec<(Value, Shape)>>()
        };
        let Gene { outputs, bias, slide, activation, .. } = *gene;
        let pooled = Slide { padding: [0; 4], ..slide };
        let alone = vec![(first, shape)];
        let (op, inputs) = match gene.kind % 20 {
            0..3 => (Op::Linear { outputs, bias }, alone),
            3..6 => (Op::Conv2d { outputs, slide, bias }, alone),
            6 | 7 => (Op::DepthwiseConv2d { slide, bias }, alone),
            8 => (Op::BatchNorm { epsilon: 1e-3, momentum: 0.1 }, alone),
            9 => (Op::LayerNorm { epsilon: 1e-3 }, alone),
            10 => (Op::Activation(activation), alone),
            11 => (Op::MaxPool(pooled), alone),
            12 => (Op::AveragePool { slide: pooled, count_padding: bias }, alone),
            13 => (Op::GlobalAveragePool, alone),
            14 => (Op::Dropout { probability: 0.5 }, alone),
            15 => (Op::Flatten, alone),
            16 | 17 => (Op::Add, beside(&|other| *other == shape)),
            18 => {
                let mut inputs = beside(&|other| {
                    let is_gate = other.positions() == 1 && other.channels == shape.channels;
                    *other == shape || is_gate
                });
                inputs.truncate(2);
                (Op::Mul, inputs)
            }
            _ => (
                Op::Concat,
                beside(&|other| [other.height, other.width] == [shape.height, shape.width]),
            ),
        };
        let channels: usize = inputs.iter().map(|(_, shape)| shape.channels).sum();
        let fits = op.slide().is_none_or(|slide| slide.over(shape).output().is_some());
        if fits && (op != Op::Concat || channels <= MOST_CHANNELS) {
            self.append(op, inputs.into_iter().map(|(value, _)| value).collect());
        }
    }

    /// Makes the output depend on all nodes: results that nothing reads are flattened and concatenated, and a last
    /// layer reads them.
    fn finish(mut self) -> Graph {
        let read: Vec<Value> =
            self.graph.nodes.iter().flat_map(|node| node.inputs.clone()).collect();
        let unread = self.values().into_iter().filter(|(value, _)| !read.contains(value));
        let mut ends = Vec::new();
        for (value, shape) in unread.collect::<Vec<_>>() {
            let flat = shape.positions() == 1;
            ends.push(if flat { value } else { self.append(Op::Flatten, vec![value]) });
        }
        let all = if ends.len() == 1 { ends[0] } else { self.append(Op::Concat, ends) };
        self.graph.output = self.append(Op::Linear { outputs: 3, bias: true }, vec![all]);
        self.graph
    }
}

fn slides() -> impl Strategy<Value = Slide> {
    let axes = |range: std::ops::Range<usize>| prop::array::uniform2(range);
    (axes(1..4), axes(1..3), prop::array::uniform4(0_usize..2), axes(1..3))
        .prop_map(|(kernel, stride, padding, dilation)| Slide { kernel, stride, padding, dilation })
}

fn activations() -> impl Strategy<Value = Activation> {
    prop::sample::select(vec![
        Activation::Relu,
        Activation::Relu6,
        Activation::LeakyRelu { slope: 0.1 },
        Activation::Gelu,
        Activation::Silu,
        Activation::Sigmoid,
        Activation::HardSwish,
        Activation::HardSigmoid,
        Activation::Tanh,
    ])
}

fn genes() -> impl Strategy<Value = Gene> {
    let others = prop::collection::vec(any::<Index>(), 1..3);
    let kinds = (any::<u8>(), slides(), activations());
    let parts = (kinds, any::<Index>(), others, 1_usize..4, any::<bool>());
    parts.prop_map(|((kind, slide, activation), first, others, outputs, bias)| Gene {
        kind,
        first,
        others,
        outputs,
        bias,
        slide,
        activation,
    })
}

fn graphs() -> impl Strategy<Value = Graph> {
    let genes = prop::collection::vec(genes(), 0..16);
    (1_usize..5, 1_usize..4, 1_usize..4, genes).prop_map(|(height, width, channels, genes)| {
        let mut growing = Growing { graph: Graph::new(Shape { height, width, channels }) };
        for gene in &genes {
            growing.grow(gene);
        }
        growing.finish()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_cut_network_is_the_larger_one_silenced(
        graph in graphs(), replicas in 1_usize..4, seed: u64,
    ) {
        prop_assert!(graph.validate(replicas).is_ok(), "{:?}", graph.validate(replicas));
        assert_cuts_are_silenced(drawn(&graph, replicas, seed), seed)?;
    }

    #[test]
    fn other_widths_leave_the_groups_as_they_are(graph in graphs(), seed: u64) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let widths: Vec<usize> =
            graph.widths().iter().map(|_| rng.random_range(1..9)).collect();
        let other = graph.with_widths(&widths);
        prop_assert_eq!(other.widths(), widths);
        let names = |graph: &Graph| -> Vec<(String, bool)> {
            graph.groups().into_iter().map(|group| (group.name, group.fixed.is_some())).collect()
        };
        prop_assert_eq!(names(&other), names(&graph));
        prop_assert_eq!(other.with_widths(&graph.widths()), graph);
    }

    #[test]
    fn an_exported_network_is_read_back(graph in graphs(), seed: u64) {
        let network = drawn(&graph, 1, seed);
        let exported = Exported::all(&network).unwrap().remove(0);
        let extents: Vec<(String, Vec<usize>)> =
            exported.iter().map(|(name, tensor)| (name.to_owned(), tensor.extents.clone())).collect();
        let mut expected = graph.exported_extents();
        expected.sort();
        prop_assert_eq!(extents, expected);
        let again = exported.population(&graph, &network.device()).unwrap();
        prop_assert_eq!(Exported::all(&again).unwrap().remove(0), exported);
    }

    #[test]
    fn a_value_is_the_same_alone_and_on_the_way(graph in graphs(), seed: u64) {
        let network = drawn(&graph, 2, seed);
        let mut rng = ChaCha8Rng::seed_from_u64(!seed);
        let images = normal([2, 3 * graph.input.positions(), graph.input.channels], &mut rng);
        let mut seen = Vec::new();
        let logits = network.forward_tapped(images.clone(), |value, result| {
            seen.push((value, result.clone()));
            result
        });
        for (value, result) in seen {
            let alone = network.values(images.clone(), &[value]).remove(0);
            alone.into_data().assert_eq(&result.into_data(), true);
        }
        network.forward(images).into_data().assert_eq(&logits.into_data(), true);
    }
}
