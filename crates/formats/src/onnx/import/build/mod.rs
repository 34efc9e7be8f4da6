//! Builds our graph from the planned steps.

mod pixels;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rayclip_data::plain;
use rayclip_model::{Exported, Graph, HostTensor, Op, Shape, Value};
use rayclip_onnx::name_of;

use super::Imported;
use super::affine::Affine;
use super::constants::Constant;
use super::plan::{Action, Plan, Step};
use super::shaping::Change;

/// How the numbers of an image lie in a value of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// `[image, channel, height, width]`, or `[image, number]`.
    ChannelsSecond,
    /// `[image, height, width, channel]`.
    ChannelsLast,
    /// `[image, number]`, position by position: an image with channels last that was flattened.
    ByPosition,
}

/// A value of ours, and how it lies in the file.
#[derive(Debug, Clone, Copy)]
struct Placed {
    value: Value,
    layout: Layout,
}

struct Builder<'a> {
    plan: &'a Plan<'a>,
    graph: Graph,
    tensors: Exported,
    placed: HashMap<&'a str, Placed>,
    names: BTreeSet<String>,
    /// How many nodes wanted each name.
    wanted: HashMap<String, usize>,
    /// The nodes that read each tensor of the file.
    readers: BTreeMap<String, Vec<String>>,
    /// What was done with the pixels up to a value of the file.
    pixels: HashMap<&'a str, Affine>,
    /// What is done with the pixels before the first layer that reads them.
    preprocessing: Option<Affine>,
}

/// Names of the tensors of a node.
const WEIGHT: &str = "weight";
const BIAS: &str = "bias";

/// Builds the network of a plan.
///
/// # Errors
/// What cannot be computed here.
pub(super) fn build(plan: &Plan<'_>) -> Result<Imported, Vec<String>> {
    let one = |reason: String| vec![reason];
    let (shape, layout) = input(plan).map_err(one)?;
    let mut builder = Builder {
        plan,
        graph: Graph::new(shape),
        tensors: Exported::default(),
        placed: HashMap::from([(plan.input.as_str(), Placed { value: Value::Input, layout })]),
        names: BTreeSet::new(),
        wanted: HashMap::new(),
        readers: BTreeMap::new(),
        pixels: HashMap::from([(plan.input.as_str(), Affine::identity())]),
        preprocessing: None,
    };
    for step in &plan.steps {
        let name = name_of(&plan.graph.node[step.node]);
        builder.add(step).map_err(|reason| one(format!("{name}: {reason}")))?;
    }
    let output = builder.placed.get(plan.output.as_str()).copied();
    let output = output.ok_or_else(|| one(format!("nothing makes the output {}", plan.output)))?;
    builder.graph.output = output.value;
    builder.finish().map_err(one)
}

/// Returns the shape of an image, and how it lies in the file.
fn input(plan: &Plan<'_>) -> Result<(Shape, Layout), String> {
    let extents = plan.analysis.extents(&plan.input);
    let extents: Option<Vec<usize>> =
        extents.as_deref().and_then(|extents| extents.get(1..)?.iter().copied().collect());
    let unknown = "the extents of the input are known only when the network runs";
    let extents = extents.ok_or(unknown)?;
    // The first step after those on the pixels says how an image lies.
    let mut steps = plan.steps.iter().map(|step| &step.action);
    let first = steps.find(|action| !matches!(action, Action::Preprocess(..) | Action::Alias));
    let image = |height, width, channels| Shape { height, width, channels };
    match (&extents[..], first) {
        ([_], Some(Action::Reshape(Change::Image { height, width }))) => {
            Ok((image(*height, *width, 1), Layout::ChannelsSecond))
        }
        ([numbers], _) => Ok((Shape::vector(*numbers), Layout::ChannelsSecond)),
        // An image without channels has one.
        ([height, width], _) => Ok((image(*height, *width, 1), Layout::ChannelsSecond)),
        ([height, width, channels], Some(Action::Reshape(Change::ChannelsSecond))) => {
            Ok((image(*height, *width, *channels), Layout::ChannelsLast))
        }
        ([channels, height, width], _) => {
            Ok((image(*height, *width, *channels), Layout::ChannelsSecond))
        }
        (others, _) => Err(format!("an input of the extents {others:?} is not computed here")),
    }
}

impl<'a> Builder<'a> {
    fn add(&mut self, step: &'a Step) -> Result<(), String> {
        let inputs = step.inputs.iter().map(|input| {
            self.placed.get(input.as_str()).copied().ok_or_else(|| format!("nothing makes {input}"))
        });
        let inputs = inputs.collect::<Result<Vec<Placed>, String>>()?;
        let first = *inputs.first().ok_or("it reads nothing")?;
        self.follow_pixels(step, first)?;
        let placed = match &step.action {
            Action::Alias | Action::Preprocess(..) => first,
            Action::Reshape(change) => self.reshaped(step, first, *change)?,
            Action::Linear { weight, bias } => self.linear(step, first, weight, bias.as_ref())?,
            Action::Conv { weight, bias, slide, is_depthwise } => {
                check_second(first)?;
                let (outputs, bias_is_there) = (weight.extents[0], bias.is_some());
                let op = if *is_depthwise {
                    Op::DepthwiseConv2d { slide: *slide, bias: bias_is_there }
                } else {
                    Op::Conv2d { outputs, slide: *slide, bias: bias_is_there }
                };
                self.with_tensors(step, first, op, &[(WEIGHT, Some(weight)), (BIAS, bias.as_ref())])
            }
            Action::Norm { op, tensors } => {
                let is_image = self.rank(&step.inputs[0]) == 4;
                match op {
                    Op::LayerNorm { .. } if is_image && first.layout != Layout::ChannelsLast => {
                        return Err("it normalises the width of images, not their channels".into());
                    }
                    Op::LayerNorm { .. } if is_image => {}
                    _ => check_second(first)?,
                }
                let names = [WEIGHT, BIAS, "running_mean", "running_var"];
                let tensors: Vec<_> = names.into_iter().zip(tensors.iter().map(Some)).collect();
                self.with_tensors(step, first, *op, &tensors)
            }
            Action::Function(function) => self.plain(step, &inputs, Op::Activation(*function)),
            Action::Mean { is_last, keeps } => {
                let expected = if *is_last { Layout::ChannelsLast } else { Layout::ChannelsSecond };
                if first.layout != expected {
                    return Err("it is a mean over channels and one side of the images".into());
                }
                let layout = if *keeps { expected } else { Layout::ChannelsSecond };
                Placed { layout, ..self.plain(step, &inputs, Op::GlobalAveragePool) }
            }
            Action::Plain(op) => {
                if matches!(op, Op::MaxPool(_) | Op::AveragePool { .. }) {
                    check_second(first)?;
                }
                if *op == Op::Concat {
                    self.check_concat(step, first)?;
                }
                if inputs.iter().any(|input| input.layout != first.layout) {
                    return Err("it joins values with channels second and channels last".into());
                }
                if inputs.len() > 1 && first.layout == Layout::ByPosition {
                    return Err("it joins flattened images with channels last".into());
                }
                self.plain(step, &inputs, *op)
            }
        };
        let node = &self.plan.graph.node[step.node];
        if let Some(output) = node.output.first() {
            self.placed.insert(output, placed);
        }
        Ok(())
    }

    fn check_concat(&self, step: &Step, first: Placed) -> Result<(), String> {
        let rank = self.rank(&step.inputs[0]);
        let axis = self.plan.graph.node[step.node].int("axis").unwrap_or(1);
        let axis = if axis < 0 { axis + rank } else { axis };
        let expected = if first.layout == Layout::ChannelsLast { rank - 1 } else { 1 };
        if axis == expected { Ok(()) } else { Err("it does not join channels".into()) }
    }

    fn rank(&self, value: &str) -> i64 {
        self.plan.analysis.extents(value).map_or(0, |extents| extents.len() as i64)
    }

    /// Adds an operation without weights.
    fn plain(&mut self, step: &Step, inputs: &[Placed], op: Op) -> Placed {
        let name = self.name(step, None);
        let values: Vec<Value> = inputs.iter().map(|input| input.value).collect();
        let value = self.graph.append_to(name, op, &values);
        Placed { value, layout: inputs[0].layout }
    }

    /// Adds an operation with its tensors.
    fn with_tensors(
        &mut self,
        step: &Step,
        input: Placed,
        op: Op,
        tensors: &[(&str, Option<&Constant>)],
    ) -> Placed {
        let weight = tensors.first().and_then(|(_, weight)| *weight);
        let name = self.name(step, weight.map(|weight| weight.name.as_str()));
        for (own, tensor) in tensors {
            let Some(tensor) = tensor else { continue };
            let host =
                HostTensor { extents: tensor.extents.clone(), values: tensor.values.clone() };
            self.tensors.insert(format!("{name}.{own}"), host);
            self.readers.entry(tensor.name.clone()).or_default().push(name.clone());
        }
        let value = self.graph.append_to(name, op, &[input.value]);
        let keeps = matches!(op, Op::LayerNorm { .. });
        Placed { value, layout: if keeps { input.layout } else { Layout::ChannelsSecond } }
    }

    fn linear(
        &mut self,
        step: &Step,
        input: Placed,
        weight: &Constant,
        bias: Option<&Constant>,
    ) -> Result<Placed, String> {
        let shape = self.shape(input.value);
        if shape.positions() != 1 {
            return Err("a product at several positions is not computed here".into());
        }
        let inputs = weight.extents.get(1).copied().unwrap_or_default();
        if inputs != shape.channels {
            return Err(format!(
                "its weight {} is for {inputs} inputs, but it reads {}",
                weight.name, shape.channels
            ));
        }
        let mut weight = weight.clone();
        if input.layout == Layout::ByPosition {
            self.reorder(input.value, &mut weight);
        }
        let op = Op::Linear { outputs: weight.extents[0], bias: bias.is_some() };
        Ok(self.with_tensors(step, input, op, &[(WEIGHT, Some(&weight)), (BIAS, bias)]))
    }

    /// Orders the inputs of a weight channel by channel, as PyTorch has them. They are ordered position by position
    /// in the file.
    fn reorder(&self, value: Value, weight: &mut Constant) {
        let Some(shape) = self.flattened(value) else { return };
        let (positions, channels) = (shape.positions(), shape.channels);
        let inputs = positions * channels;
        for row in weight.values.chunks_mut(inputs) {
            let by_position = row.to_vec();
            for (place, number) in row.iter_mut().enumerate() {
                let (channel, position) = (place / positions, place % positions);
                *number = by_position[position * channels + channel];
            }
        }
    }

    /// Returns the shape of the image that was flattened to a value.
    fn flattened(&self, mut value: Value) -> Option<Shape> {
        while let Value::Node(number) = value {
            let node = &self.graph.nodes[number];
            if node.op == Op::Flatten {
                return Some(self.shape(node.inputs[0]));
            }
            value = node.inputs[0];
        }
        None
    }

    fn shape(&self, value: Value) -> Shape {
        match value {
            Value::Input => self.graph.input,
            Value::Node(number) => self.graph.shapes()[number],
        }
    }

    fn reshaped(&mut self, step: &Step, input: Placed, change: Change) -> Result<Placed, String> {
        let (shape, layout) = (self.shape(input.value), input.layout);
        let turned = |from, to| {
            if layout == from {
                Ok(Placed { layout: to, ..input })
            } else {
                Err("it moves channels that are not where they are expected".to_owned())
            }
        };
        match change {
            Change::Same => Ok(input),
            Change::ChannelsLast => turned(Layout::ChannelsSecond, Layout::ChannelsLast),
            Change::ChannelsSecond => turned(Layout::ChannelsLast, Layout::ChannelsSecond),
            Change::Image { height, width } => {
                let is_input =
                    input.value == Value::Input && [shape.height, shape.width] == [height, width];
                if is_input { Ok(input) } else { Err("it makes an image of numbers".into()) }
            }
            Change::Flat if shape.positions() == 1 => {
                Ok(Placed { layout: Layout::ChannelsSecond, ..input })
            }
            Change::Flat => {
                let layout = match layout {
                    Layout::ChannelsLast => Layout::ByPosition,
                    other => other,
                };
                Ok(Placed { layout, ..self.plain(step, &[input], Op::Flatten) })
            }
        }
    }

    /// Returns a name that no other node has: that of the weight without `.weight`, or that of the node.
    fn name(&mut self, step: &Step, weight: Option<&str>) -> String {
        let of_weight = weight.and_then(|name| name.strip_suffix(&format!(".{WEIGHT}")));
        let of_node = || name_of(&self.plan.graph.node[step.node]);
        let name = of_weight.map_or_else(of_node, ToOwned::to_owned);
        let name = plain(name.trim_matches('/')).replace('/', ".");
        let name =
            if name.is_empty() || name == "input" { format!("node_{}", step.node) } else { name };
        let wanted = self.wanted.entry(name.clone()).or_default();
        loop {
            *wanted += 1;
            let unique = if *wanted == 1 { name.clone() } else { format!("{name}_{wanted}") };
            if self.names.insert(unique.clone()) {
                return unique;
            }
        }
    }

    fn finish(self) -> Result<Imported, String> {
        let Self { plan, graph, tensors, readers, preprocessing, .. } = self;
        graph.validate(1).map_err(|error| error.to_string())?;
        if let Some(reason) = graph.mixed_order() {
            return Err(reason);
        }
        let (graph, tensors) = with_exported_names(&graph, tensors);
        let mut notes = plan.notes.clone();
        for (tensor, nodes) in readers.into_iter().filter(|(_, nodes)| nodes.len() > 1) {
            let nodes = nodes.join(" and ");
            notes.push(format!(
                "{tensor} belongs to {nodes}; here each has its own, which training may change"
            ));
        }
        let preprocessing = preprocessing.filter(|pixels| *pixels != Affine::identity());
        Ok(Imported { graph, tensors, preprocessing, notes })
    }
}

fn check_second(placed: Placed) -> Result<(), String> {
    match placed.layout {
        Layout::ChannelsSecond => Ok(()),
        Layout::ChannelsLast | Layout::ByPosition => {
            Err("it reads a value with channels last".into())
        }
    }
}

/// Renames nodes that have the names of our own perceptrons, which are written with others, and their tensors.
fn with_exported_names(graph: &Graph, mut tensors: Exported) -> (Graph, Exported) {
    let exported = graph.exported();
    for (own, written) in graph.nodes.iter().zip(&exported.nodes) {
        for part in [WEIGHT, BIAS] {
            if own.name != written.name
                && let Some(tensor) = tensors.remove(&own.parameter(part))
            {
                tensors.insert(written.parameter(part), tensor);
            }
        }
    }
    (exported, tensors)
}
