//! Matches the nodes of a file with operations of ours, from the output to the input.

use std::collections::{BTreeSet, HashMap};

use rayclip_model::{Activation, Op, Slide};
use rayclip_onnx::proto::{Graph, Model, Node, ValueInfo};
use rayclip_onnx::{Analysis, name_of};

use super::affine::{self, Affine};
use super::constants::{Constant, Constants};
use super::{activations, products, shaping, windows};

/// What a node of the file becomes.
#[derive(Debug, Clone)]
pub(super) enum Action {
    /// `x W + b`; the weight is `[outputs, inputs]`.
    Linear { weight: Constant, bias: Option<Constant> },
    /// A convolution; the weight is `[outputs, inputs, height, width]`.
    Conv { weight: Constant, bias: Option<Constant>, slide: Slide, is_depthwise: bool },
    /// A batch or layer normalisation: weight, bias, and mean and variance of a batch normalisation.
    Norm { op: Op, tensors: Vec<Constant> },
    /// An operation without weights.
    Plain(Op),
    /// A function of every number.
    Function(Activation),
    /// The mean over the positions, which come before the channels or after them, and may stay as extents of one.
    Mean { is_last: bool, keeps: bool },
    /// The same numbers with other extents, as [`shaping::Change`] says.
    Reshape(shaping::Change),
    /// Nothing: the value itself.
    Alias,
    /// What is done with the pixels first, and the extents of the constant.
    Preprocess(Affine, Vec<usize>),
}

/// A node of the file and what it becomes. The inputs are the values that it reads, without weights.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) node: usize,
    pub(super) action: Action,
    pub(super) inputs: Vec<String>,
}

/// All steps in order.
pub(super) struct Plan<'a> {
    pub(super) graph: &'a Graph,
    pub(super) analysis: &'a Analysis,
    pub(super) steps: Vec<Step>,
    /// The name of the pixels.
    pub(super) input: String,
    /// The value that has the class scores.
    pub(super) output: String,
    pub(super) notes: Vec<String>,
}

/// What matching needs to know of the file.
pub(super) struct Planner<'a> {
    pub(super) analysis: &'a Analysis,
    pub(super) constants: Constants<'a>,
    /// How many nodes and outputs read a value.
    readers: HashMap<&'a str, usize>,
    input: &'a str,
}

impl<'a> Planner<'a> {
    fn of(graph: &'a Graph, analysis: &'a Analysis) -> Result<Self, String> {
        let constants = Constants::of(graph);
        let given = graph.input.iter().map(ValueInfo::name);
        let given: Vec<&str> = given.filter(|name| !constants.is_constant(name)).collect();
        let [input] = given[..] else {
            return Err(format!("the network has {} inputs, expected one", given.len()));
        };
        let mut readers = HashMap::new();
        let read = graph.node.iter().flat_map(|node| &node.input).map(String::as_str);
        for value in read.chain(graph.output.iter().map(ValueInfo::name)) {
            *readers.entry(value).or_insert(0) += 1;
        }
        Ok(Self { analysis, constants, readers, input })
    }

    /// Returns the node that makes a value, if nothing else reads this value.
    pub(super) fn only_maker(&self, value: &str) -> Option<&'a Node> {
        self.constants.maker(value).filter(|_| self.readers.get(value) == Some(&1))
    }

    /// Returns the extents of a value without that of the images, if all are known.
    pub(super) fn extents(&self, value: &str) -> Option<Vec<usize>> {
        self.analysis.extents(value)?.get(1..)?.iter().copied().collect()
    }

    /// Returns whether a value is made of the pixels by numbers alone.
    pub(super) fn is_pixels(&self, value: &str) -> bool {
        let mut value = value;
        // Few steps lead from the pixels to the first layer.
        for _ in 0..8 {
            if value == self.input {
                return true;
            }
            let Some(node) = self.constants.maker(value) else { return false };
            if !matches!(node.op(), "Cast" | "Mul" | "Add" | "Div" | "Sub" | "Identity") {
                return false;
            }
            let mut data = node.input.iter().filter(|input| !self.constants.is_constant(input));
            let (Some(only), None) = (data.next(), data.next()) else { return false };
            value = only;
        }
        false
    }

    /// Matches a node.
    ///
    /// # Errors
    /// Why it cannot be computed here.
    fn step(&self, number: usize, node: &Node) -> Result<Step, String> {
        let first = || node.input(0).unwrap_or_default().to_owned();
        let simple = |action| Ok(Step { node: number, action, inputs: vec![first()] });
        if !node.has_standard_op() {
            return Err(format!(
                "the operation {} of {} is not computed here",
                node.op(),
                node.domain()
            ));
        }
        if let Some(step) = affine::of_pixels(self, number, node) {
            return Ok(step);
        }
        if let Some(function) = activations::single(self, node)? {
            return simple(Action::Function(function));
        }
        if let Some((function, value)) = activations::composed(self, node) {
            return Ok(Step {
                node: number,
                action: Action::Function(function),
                inputs: vec![value],
            });
        }
        match node.op() {
            "Conv" | "AveragePool" => {
                let action = match node.op() {
                    "Conv" => products::conv(self, node)?,
                    _ => windows::pool(self, node)?,
                };
                let (input, _) = windows::padded(self, node);
                Ok(Step { node: number, action, inputs: vec![input] })
            }
            "Pad" => match windows::zeros(self, node) {
                Some([0, 0, 0, 0]) => simple(Action::Alias),
                Some(_) => {
                    Err("zeros are put only around what a convolution or an average reads".into())
                }
                None => {
                    Err("the operation Pad is computed here only with zeros around the positions"
                        .into())
                }
            },
            "Gemm" => simple(products::gemm(self, node)?),
            "MatMul" => simple(products::mat_mul(self, node)?),
            "BatchNormalization" => simple(products::batch_norm(self, node)?),
            "LayerNormalization" => simple(products::layer_norm(self, node)?),
            "MaxPool" | "GlobalAveragePool" | "GlobalMaxPool" | "ReduceMean" => {
                simple(windows::pool(self, node)?)
            }
            "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" | "Transpose" => {
                simple(shaping::change(self, node)?)
            }
            "Identity" => simple(Action::Alias),
            "Cast" if is_to_floats(node) => simple(Action::Alias),
            "Cast" => Err("numbers that are rounded are not computed here".into()),
            "Dropout" => simple(shaping::dropout(self, node)),
            "Add" | "Sum" | "Mul" | "Concat" => products::joined(self, number, node),
            op => Err(format!("the operation {op} is not computed here")),
        }
    }
}

/// Returns whether a Cast gives floating-point numbers: of 32, 16, 64 or 16 (bfloat16) bits.
pub(super) fn is_to_floats(node: &Node) -> bool {
    matches!(node.int("to"), Some(1 | 10 | 11 | 16))
}

/// Plans a network.
///
/// # Errors
/// What cannot be computed here, with the names of the nodes.
pub(super) fn plan<'a>(model: &'a Model, analysis: &'a Analysis) -> Result<Plan<'a>, Vec<String>> {
    let graph = model.graph.as_ref().ok_or_else(|| vec!["there is no graph".to_owned()])?;
    let planner = Planner::of(graph, analysis).map_err(|reason| vec![reason])?;
    let [output] = &graph.output[..] else {
        return Err(vec![format!("the network has {} outputs, expected one", graph.output.len())]);
    };
    let mut notes = Vec::new();
    let output = without_softmax(&planner, output.name(), &mut notes);
    let mut needed = BTreeSet::from([output.clone()]);
    let (mut steps, mut obstacles) = (Vec::new(), Vec::new());
    for (number, node) in graph.node.iter().enumerate().rev() {
        if !node.output.iter().any(|output| needed.contains(output)) {
            continue;
        }
        if node.output.iter().skip(1).any(|output| needed.contains(output)) {
            obstacles.push(format!("{}: its second output is not computed here", name_of(node)));
            continue;
        }
        match planner.step(number, node) {
            Ok(step) => {
                needed.extend(step.inputs.iter().cloned());
                steps.push(step);
            }
            Err(reason) => {
                obstacles.push(format!("{}: {reason}", name_of(node)));
                // What comes before it may have obstacles too.
                let data = node.input.iter().filter(|input| !planner.constants.is_constant(input));
                needed.extend(data.cloned());
            }
        }
    }
    if !obstacles.is_empty() {
        obstacles.reverse();
        return Err(obstacles);
    }
    steps.reverse();
    let input = planner.input.to_owned();
    Ok(Plan { graph, analysis, steps, input, output, notes })
}

/// Returns the class scores before a final softmax: a loss and a probability are made of them here.
fn without_softmax(planner: &Planner<'_>, output: &str, notes: &mut Vec<String>) -> String {
    let mut output = output;
    while let Some(node) = planner.constants.maker(output) {
        let is_last = matches!(node.op(), "Softmax" | "LogSoftmax");
        let Some(input) = node.input(0).filter(|_| is_last || node.op() == "Identity") else {
            break;
        };
        if is_last {
            let (name, op) = (name_of(node), node.op());
            notes
                .push(format!("the final {op} ({name}) is left out: the network gives its scores"));
        }
        output = input;
    }
    output.to_owned()
}
