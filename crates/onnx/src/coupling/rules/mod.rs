//! What each operation does with the channels of its inputs.

mod counts;
mod elementwise;
mod layout;
mod mixing;
mod pieces;
mod products;
mod reshape;

pub(crate) use counts::Counts;

use super::trace::{Trace, Value};
use super::{Reason, Role};
use crate::proto::{Attribute, Graph, Node};

/// Traces one node.
pub(super) fn apply(trace: &mut Trace<'_>, node: &Node) {
    for attribute in &node.attribute {
        fix_captured(trace, attribute);
    }
    counts::follow(trace, node);
    if !node.has_standard_op() {
        return vendor(trace, node);
    }
    match node.op() {
        "Conv" => products::conv(trace, node),
        "ConvTranspose" => products::conv_transpose(trace, node),
        "MatMul" => products::mat_mul(trace, node),
        "Gemm" => products::gemm(trace, node),
        "BatchNormalization" | "InstanceNormalization" => mixing::per_channel(trace, node),
        "LayerNormalization" | "RMSNormalization" => mixing::layer_norm(trace, node),
        "Softmax" | "LogSoftmax" | "Hardmax" => mixing::softmax(trace, node),
        "CumSum" | "TopK" | "LpNormalization" | "ArgMax" | "ArgMin" => {
            mixing::along_axis(trace, node);
        }
        "GroupNormalization"
        | "LRN"
        | "DepthToSpace"
        | "SpaceToDepth"
        | "MeanVarianceNormalization" => mixing::channels(trace, node),
        op if op.starts_with("Reduce") => mixing::reduce(trace, node),
        "MaxPool" | "AveragePool" | "LpPool" | "GlobalAveragePool" | "GlobalMaxPool"
        | "GlobalLpPool" => layout::windows(trace, node),
        "Pad" | "Resize" | "Upsample" | "Tile" | "Expand" => layout::resize(trace, node),
        "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => reshape::reshape(trace, node),
        "Transpose" => layout::transpose(trace, node),
        "Concat" => pieces::concat(trace, node),
        "Split" => pieces::split(trace, node),
        "Slice" => pieces::slice(trace, node),
        "Gather" => layout::gather(trace, node),
        "Identity" | "Cast" | "CastLike" | "Dropout" => layout::pass(trace, node),
        "Constant" => constant(trace, node),
        "Shape" | "Size" => no_channels(trace, node),
        op if elementwise::is_unary(op) => layout::pass(trace, node),
        op if elementwise::is_broadcast(op) => elementwise::broadcast(trace, node),
        _ => unknown(trace, node),
    }
}

/// Operations of other makers that are those of the standard, or work on every number alone.
fn vendor(trace: &mut Trace<'_>, node: &Node) {
    match (node.domain(), node.op()) {
        ("com.microsoft", "Gelu" | "QuickGelu") => layout::pass(trace, node),
        ("com.microsoft", "BiasGelu" | "FastGelu") => elementwise::broadcast(trace, node),
        _ => unknown(trace, node),
    }
}

fn constant(trace: &mut Trace<'_>, node: &Node) {
    let Some(output) = node.output.first() else { return };
    match node.tensor("value") {
        Some(tensor) => trace.store(output, tensor),
        None => trace.set_fixed(output, &Reason::NotMade),
    }
}

/// The outputs are numbers about the inputs, and no channels.
fn no_channels(trace: &mut Trace<'_>, node: &Node) {
    trace.set_fixed_outputs(node, &Reason::NotMade);
}

/// Fixes everything that a node touches.
fn unknown(trace: &mut Trace<'_>, node: &Node) {
    let reason = Reason::Unknown { node: trace.node_name(), op: trace.op() };
    fix_all(trace, node, &reason);
}

/// Fixes all inputs and outputs of a node.
fn fix_all(trace: &mut Trace<'_>, node: &Node, reason: &Reason) {
    for input in &node.input {
        trace.fix_value(input, reason);
    }
    trace.set_fixed_outputs(node, reason);
}

/// Fixes what the graphs within a node (the branches of an If, the body of a Loop) read from outside.
fn fix_captured(trace: &mut Trace<'_>, attribute: &Attribute) {
    let reason = Reason::Unknown { node: trace.node_name(), op: trace.op() };
    let mut graphs: Vec<&Graph> = attribute.g.iter().chain(&attribute.graphs).collect();
    while let Some(graph) = graphs.pop() {
        for node in &graph.node {
            for input in &node.input {
                trace.fix_value(input, &reason);
            }
            graphs.extend(node.attribute.iter().flat_map(|a| a.g.iter().chain(&a.graphs)));
        }
        for output in &graph.output {
            trace.fix_value(output.name.as_deref().unwrap_or_default(), &reason);
        }
    }
}

/// Returns the axis that an attribute names, counted from the front.
fn axis_of(trace: &Trace<'_>, node: &Node, input: &str, default: i64) -> Option<usize> {
    let rank = trace.rank(input)?;
    counted(node.int("axis").unwrap_or(default), rank)
}

/// Returns an axis counted from the front. A negative one is counted from the back.
fn counted(axis: i64, rank: usize) -> Option<usize> {
    let axis = if axis < 0 { axis.checked_add(rank as i64)? } else { axis };
    usize::try_from(axis).ok().filter(|axis| *axis < rank)
}

/// Returns what lies along all dimensions of an input.
fn all_along(trace: &mut Trace<'_>, input: &str, rank: usize) -> Vec<super::Along> {
    (0..rank).map(|dimension| trace.along(input, dimension, Role::Follows)).collect()
}

/// Sets the first output to what an input is, if it is a tensor of the file, with other dimensions.
fn view(
    trace: &mut Trace<'_>,
    node: &Node,
    dimensions: impl FnOnce(&[Option<usize>]) -> Vec<Option<usize>>,
) -> bool {
    let (Some(input), Some(output)) = (node.input.first(), node.output.first()) else {
        return false;
    };
    let Some(Value::Stored { tensor, dimensions: found }) = trace.value(input) else {
        return false;
    };
    let value = Value::Stored { tensor: tensor.clone(), dimensions: dimensions(found) };
    trace.set(&output.clone(), value);
    true
}
