//! Writes a network as an ONNX model: operations of opset 17, images `[batch, channel, height, width]`, tensors with
//! the names of the state dict.

use std::collections::BTreeMap;

use rayclip_model::{Activation, Graph, HostTensor, Node, Op, Slide, Value};
use rayclip_onnx::ElementType;
use rayclip_onnx::proto::{Entry, Graph as OnnxGraph, Model, OperatorSet};

use super::builder::{Builder, float, int, ints, signed, text, value_info};
use super::preprocessing;
use crate::error::FormatError;
use crate::loaded::Loaded;
use crate::metadata::GRAPH;
use crate::ranks::{Rank, Ranks, slot};

/// The version of the format, and that of the operations. Runtimes since 2022 have them.
const IR_VERSION: i64 = 8;
const OPSET: i64 = 17;

/// The name of the result.
const LOGITS: &str = "logits";

/// What an ONNX file has beside the network.
#[derive(Debug, Clone, Copy, Default)]
pub struct OnnxOptions {
    /// The normalisation of the images is in the graph: it reads pixels.
    pub with_preprocessing: bool,
}

/// Returns the model of a network.
///
/// # Errors
/// The normalisation is to be in the graph, but is not known.
pub(crate) fn export(loaded: &Loaded, options: OnnxOptions) -> Result<Model, FormatError> {
    let graph = &loaded.graph;
    let mut export = Export {
        loaded,
        ranks: Ranks::of(graph),
        builder: Builder::default(),
        held: BTreeMap::new(),
    };
    let input = export.input(options)?;
    for (number, node) in graph.nodes.iter().enumerate() {
        export.node(number, node)?;
    }
    let output = export.output();
    let Builder { nodes, tensors, .. } = export.builder;
    let graph = OnnxGraph {
        name: Some("network".into()),
        node: nodes,
        initializer: tensors,
        input: vec![input],
        output: vec![output],
        ..OnnxGraph::default()
    };
    let mut metadata = loaded.metadata();
    // The file itself is the graph.
    metadata.remove(GRAPH);
    if options.with_preprocessing {
        metadata.insert(preprocessing::INSIDE.into(), "true".into());
    }
    let entry = |(key, value)| Entry { key: Some(key), value: Some(value) };
    Ok(Model {
        ir_version: Some(IR_VERSION),
        producer_name: Some("rayclip".into()),
        producer_version: Some(env!("CARGO_PKG_VERSION").into()),
        graph: Some(graph),
        opset_import: vec![OperatorSet { domain: Some(String::new()), version: Some(OPSET) }],
        metadata_props: metadata.into_iter().map(entry).collect(),
        ..Model::default()
    })
}

/// A model that grows.
struct Export<'a> {
    loaded: &'a Loaded,
    ranks: Ranks,
    builder: Builder,
    /// The names of the values of the graph, by how they are held.
    held: BTreeMap<(usize, Rank), String>,
}

impl Export<'_> {
    fn graph(&self) -> &Graph {
        &self.loaded.graph
    }

    /// Adds the input, and the normalisation if it is to be in the graph.
    fn input(
        &mut self,
        options: OnnxOptions,
    ) -> Result<rayclip_onnx::proto::ValueInfo, FormatError> {
        let shape = self.graph().input;
        let rank = self.ranks.at(Value::Input);
        let extents = match rank {
            Rank::Vector => vec![shape.channels],
            Rank::Image => vec![shape.channels, shape.height, shape.width],
        };
        if !options.with_preprocessing {
            let name = self.builder.name("input");
            self.held.insert((0, rank), name.clone());
            return Ok(value_info(&name, ElementType::FLOAT.0, &extents, "normalised images"));
        }
        let Some(images) = &self.loaded.images else {
            return Err(FormatError::Unwritten {
                format: "ONNX with its preprocessing",
                reason: "its file does not say how images are normalised; leave out --with-preprocessing".into(),
            });
        };
        let (input, name) = preprocessing::put_in(&mut self.builder, images, &extents);
        self.held.insert((0, rank), name);
        Ok(input)
    }

    /// Names the result, and returns it.
    fn output(&mut self) -> rayclip_onnx::proto::ValueInfo {
        let value = self.graph().output;
        let (shape, rank) = (self.ranks.shape(value), self.ranks.at(value));
        let is_vector = rank == Rank::Vector || shape.positions() == 1;
        let wanted = if is_vector { Rank::Vector } else { Rank::Image };
        let mut name = self.value(value, wanted);
        if self.builder.is_free(LOGITS) {
            self.builder.rename(&name, LOGITS);
            LOGITS.clone_into(&mut name);
        }
        let extents = match wanted {
            Rank::Vector => vec![shape.channels],
            Rank::Image => vec![shape.channels, shape.height, shape.width],
        };
        value_info(&name, ElementType::FLOAT.0, &extents, "a score for every class")
    }

    /// Returns the name of a value that is held in a way; it is turned into that if need be.
    fn value(&mut self, value: Value, wanted: Rank) -> String {
        if let Some(name) = self.held.get(&(slot(value), wanted)) {
            return name.clone();
        }
        let own = self.held[&(slot(value), self.ranks.at(value))].clone();
        let name = match wanted {
            Rank::Vector => self.builder.node(
                &format!("{own}/vector"),
                "Flatten",
                &[&own],
                vec![int("axis", 1)],
            ),
            Rank::Image => {
                let axes = self.builder.integers(&format!("{own}/axes"), &[2, 3]);
                self.builder.node(&format!("{own}/image"), "Unsqueeze", &[&own, &axes], vec![])
            }
        };
        self.held.insert((slot(value), wanted), name.clone());
        name
    }

    /// Adds a node of the graph.
    fn node(&mut self, number: usize, node: &Node) -> Result<(), FormatError> {
        let mut inputs = vec![];
        for value in &node.inputs {
            let needed = self.ranks.needed(number, node, *value);
            inputs.push(self.value(*value, needed));
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let first = inputs[0];
        let name = &node.name;
        let result = match node.op {
            Op::Linear { .. } => self.linear(node, first)?,
            Op::Conv2d { slide, .. } => self.conv(node, first, slide, 1)?,
            Op::DepthwiseConv2d { slide, .. } => {
                let groups = self.ranks.shape(node.inputs[0]).channels;
                self.conv(node, first, slide, groups)?
            }
            Op::BatchNorm { epsilon, momentum } => {
                let parameters = ["weight", "bias", "running_mean", "running_var"];
                let tensors = self.tensors(node, &parameters)?;
                let inputs: Vec<&str> =
                    std::iter::once(first).chain(tensors.iter().map(String::as_str)).collect();
                // ONNX weights what was before, PyTorch and this graph what is new.
                let attributes = vec![float("epsilon", epsilon), float("momentum", 1.0 - momentum)];
                self.builder.node(name, "BatchNormalization", &inputs, attributes)
            }
            Op::LayerNorm { epsilon } => self.layer_norm(node, first, epsilon)?,
            Op::Activation(function) => self.activation(name, first, function),
            Op::MaxPool(slide) => self.builder.node(name, "MaxPool", &[first], window(slide)),
            Op::AveragePool { slide, count_padding } => {
                self.average(node, first, slide, count_padding)
            }
            Op::GlobalAveragePool => self.mean(number, node, first),
            Op::Flatten => match self.ranks.at(node.inputs[0]) {
                Rank::Vector => first.to_owned(),
                Rank::Image => self.builder.node(name, "Flatten", &[first], vec![int("axis", 1)]),
            },
            Op::Add if inputs.len() > 2 => self.builder.node(name, "Sum", &inputs, vec![]),
            Op::Add => self.builder.node(name, "Add", &inputs, vec![]),
            Op::Mul => self.builder.node(name, "Mul", &inputs, vec![]),
            Op::Concat => self.builder.node(name, "Concat", &inputs, vec![int("axis", 1)]),
            // It does nothing after training.
            Op::Dropout { .. } => first.to_owned(),
        };
        self.held.insert((number + 1, self.ranks.at(Value::Node(number))), result);
        Ok(())
    }

    /// Returns a tensor of a node.
    fn host(&self, node: &Node, parameter: &str) -> Result<&HostTensor, FormatError> {
        let name = node.parameter(parameter);
        self.loaded.tensors.get(&name).ok_or_else(|| FormatError::Unwritten {
            format: "ONNX",
            reason: format!("it has no tensor {name}"),
        })
    }

    /// Adds tensors of a node. Returns their names.
    fn tensors(&mut self, node: &Node, parameters: &[&str]) -> Result<Vec<String>, FormatError> {
        let add = |parameter: &&str| {
            let tensor = self.host(node, parameter)?.clone();
            let dims = tensor.extents.iter().map(|extent| *extent as i64).collect();
            Ok(self.builder.tensor(&node.parameter(parameter), dims, &tensor.values))
        };
        parameters.iter().map(add).collect()
    }

    fn linear(&mut self, node: &Node, input: &str) -> Result<String, FormatError> {
        let Op::Linear { bias, .. } = node.op else { return Ok(input.to_owned()) };
        if self.ranks.shape(node.inputs[0]).positions() > 1 {
            return self.everywhere(node, input, bias);
        }
        let parameters: &[&str] = if bias { &["weight", "bias"] } else { &["weight"] };
        let tensors = self.tensors(node, parameters)?;
        let inputs: Vec<&str> =
            std::iter::once(input).chain(tensors.iter().map(String::as_str)).collect();
        Ok(self.builder.node(&node.name, "Gemm", &inputs, vec![int("transB", 1)]))
    }

    /// Adds a fully connected node at every position: a convolution with one tap.
    fn everywhere(&mut self, node: &Node, input: &str, bias: bool) -> Result<String, FormatError> {
        let weight = self.host(node, "weight")?.clone();
        let dims = weight.extents.iter().map(|extent| *extent as i64).chain([1, 1]).collect();
        let mut tensors =
            vec![self.builder.tensor(&node.parameter("weight"), dims, &weight.values)];
        if bias {
            tensors.extend(self.tensors(node, &["bias"])?);
        }
        let inputs: Vec<&str> =
            std::iter::once(input).chain(tensors.iter().map(String::as_str)).collect();
        let attributes = vec![ints("kernel_shape", &[1, 1])];
        Ok(self.builder.node(&node.name, "Conv", &inputs, attributes))
    }

    fn conv(
        &mut self,
        node: &Node,
        input: &str,
        slide: Slide,
        groups: usize,
    ) -> Result<String, FormatError> {
        let has_bias = matches!(
            node.op,
            Op::Conv2d { bias: true, .. } | Op::DepthwiseConv2d { bias: true, .. }
        );
        let parameters: &[&str] = if has_bias { &["weight", "bias"] } else { &["weight"] };
        let tensors = self.tensors(node, parameters)?;
        let inputs: Vec<&str> =
            std::iter::once(input).chain(tensors.iter().map(String::as_str)).collect();
        let mut attributes = window(slide);
        attributes.push(int("group", groups));
        Ok(self.builder.node(&node.name, "Conv", &inputs, attributes))
    }

    fn layer_norm(
        &mut self,
        node: &Node,
        input: &str,
        epsilon: f64,
    ) -> Result<String, FormatError> {
        let tensors = self.tensors(node, &["weight", "bias"])?;
        let (name, attributes) = (&node.name, vec![float("epsilon", epsilon), signed("axis", -1)]);
        let operation = "LayerNormalization";
        if self.ranks.at(node.inputs[0]) == Rank::Vector {
            let inputs = [input, &tensors[0], &tensors[1]];
            return Ok(self.builder.node(name, operation, &inputs, attributes));
        }
        let permuted = |to: &[usize]| vec![ints("perm", to)];
        let part = |part: &str| format!("{name}/{part}");
        let last = permuted(&[0, 2, 3, 1]);
        let last = self.builder.node(&part("channels_last"), "Transpose", &[input], last);
        let inputs = [last.as_str(), &tensors[0], &tensors[1]];
        let normalised = self.builder.node(&part("normalised"), operation, &inputs, attributes);
        Ok(self.builder.node(name, "Transpose", &[&normalised], permuted(&[0, 3, 1, 2])))
    }

    fn activation(&mut self, name: &str, input: &str, function: Activation) -> String {
        let builder = &mut self.builder;
        let part = |part: &str| format!("{name}/{part}");
        match function {
            Activation::Relu => builder.node(name, "Relu", &[input], vec![]),
            Activation::Relu6 => {
                let least = builder.number(&part("least"), 0.0);
                let most = builder.number(&part("most"), 6.0);
                builder.node(name, "Clip", &[input, &least, &most], vec![])
            }
            Activation::LeakyRelu { slope } => {
                builder.node(name, "LeakyRelu", &[input], vec![float("alpha", slope)])
            }
            Activation::Sigmoid => builder.node(name, "Sigmoid", &[input], vec![]),
            Activation::Silu => {
                let gate = builder.node(&part("sigmoid"), "Sigmoid", &[input], vec![]);
                builder.node(name, "Mul", &[input, &gate], vec![])
            }
            Activation::HardSwish => builder.node(name, "HardSwish", &[input], vec![]),
            Activation::HardSigmoid => {
                let line = vec![float("alpha", 1.0 / 6.0), float("beta", 0.5)];
                builder.node(name, "HardSigmoid", &[input], line)
            }
            Activation::Tanh => builder.node(name, "Tanh", &[input], vec![]),
            // Opset 20 is the first with an operation for it.
            Activation::Gelu => {
                let root = builder.number(&part("sqrt_2"), std::f32::consts::SQRT_2);
                let one = builder.number(&part("one"), 1.0);
                let half = builder.number(&part("half"), 0.5);
                let scaled = builder.node(&part("scaled"), "Div", &[input, &root], vec![]);
                let erf = builder.node(&part("erf"), "Erf", &[&scaled], vec![]);
                let sum = builder.node(&part("sum"), "Add", &[&erf, &one], vec![]);
                let product = builder.node(&part("product"), "Mul", &[input, &sum], vec![]);
                builder.node(name, "Mul", &[&product, &half], vec![])
            }
        }
    }

    fn average(&mut self, node: &Node, input: &str, slide: Slide, count_padding: bool) -> String {
        let Slide { kernel: [height, width], dilation, .. } = slide;
        if dilation == [1, 1] {
            let mut attributes = window(slide);
            // Dilation came with a later opset.
            attributes.retain(|attribute| attribute.name.as_deref() != Some("dilations"));
            attributes.push(int("count_include_pad", usize::from(count_padding)));
            return self.builder.node(&node.name, "AveragePool", &[input], attributes);
        }
        let channels = self.ranks.shape(node.inputs[0]).channels;
        let taps = height * width;
        let weights = vec![1.0 / taps as f32; channels * taps];
        let dims = [channels, 1, height, width].map(|extent| extent as i64).to_vec();
        let weights = self.builder.tensor(&format!("{}/weights", node.name), dims, &weights);
        let mut attributes = window(slide);
        attributes.push(int("group", channels));
        self.builder.node(&node.name, "Conv", &[input, &weights], attributes)
    }

    /// Adds the mean over all positions.
    fn mean(&mut self, number: usize, node: &Node, input: &str) -> String {
        let (from, to) = (self.ranks.at(node.inputs[0]), self.ranks.at(Value::Node(number)));
        match (from, to) {
            (Rank::Vector, Rank::Vector) => input.to_owned(),
            (Rank::Vector, Rank::Image) => {
                let axes = self.builder.integers(&format!("{}/axes", node.name), &[2, 3]);
                self.builder.node(&node.name, "Unsqueeze", &[input, &axes], vec![])
            }
            (Rank::Image, Rank::Image) => {
                self.builder.node(&node.name, "GlobalAveragePool", &[input], vec![])
            }
            (Rank::Image, Rank::Vector) => {
                let part = format!("{}/mean", node.name);
                let mean = self.builder.node(&part, "GlobalAveragePool", &[input], vec![]);
                self.builder.node(&node.name, "Flatten", &[&mean], vec![int("axis", 1)])
            }
        }
    }
}

/// Returns the attributes of a window.
fn window(slide: Slide) -> Vec<rayclip_onnx::proto::Attribute> {
    let Slide { kernel, stride, padding, dilation } = slide;
    vec![
        text("auto_pad", "NOTSET"),
        ints("kernel_shape", &kernel),
        ints("strides", &stride),
        ints("pads", &padding),
        ints("dilations", &dilation),
    ]
}
