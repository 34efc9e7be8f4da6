//! Operations that mix numbers along some dimensions: what lies there is fixed.

use super::super::trace::Trace;
use super::super::{Along, Reason, Role};
use super::{all_along, axis_of, counted, fix_all};
use crate::proto::Node;
use crate::shapes::Integer;

/// Normalisations with a number for every channel of dimension 1.
pub(super) fn per_channel(trace: &mut Trace<'_>, node: &Node) {
    let Some((image, rank)) = first(trace, node) else { return };
    let channels = trace.along(&image, 1.min(rank.saturating_sub(1)), Role::Follows);
    for parameter in node.input.iter().skip(1).filter(|input| !input.is_empty()) {
        trace.bind(parameter, 0, &channels, Role::Follows);
    }
    let mut along = all_along(trace, &image, rank);
    if node.op() == "InstanceNormalization" {
        let mixed = trace.mixed();
        for (dimension, along) in along.iter_mut().enumerate().skip(2) {
            trace.fix(&image, dimension, &mixed);
            *along = Along::Fixed(mixed.clone());
        }
    }
    trace.set_output(node, along);
    for output in node.output.iter().skip(1) {
        trace.set_fixed(output, &Reason::NotMade);
    }
}

/// Normalises all dimensions from an axis on.
pub(super) fn layer_norm(trace: &mut Trace<'_>, node: &Node) {
    let Some((value, rank)) = first(trace, node) else { return };
    let Some(axis) = axis_of(trace, node, &value, -1) else { return fix_everything(trace, node) };
    fix_dimensions(trace, node, &value, axis..rank);
    let mixed = trace.mixed();
    for parameter in node.input.iter().skip(1).filter(|input| !input.is_empty()) {
        trace.fix_value(parameter, &mixed);
    }
    for output in node.output.iter().skip(1) {
        trace.set_fixed(output, &mixed);
    }
}

/// Before opset 13, all dimensions from the axis on are one.
pub(super) fn softmax(trace: &mut Trace<'_>, node: &Node) {
    let Some((value, rank)) = first(trace, node) else { return };
    let is_old = trace.opset < 13;
    let axis = axis_of(trace, node, &value, if is_old { 1 } else { -1 });
    let Some(axis) = axis else { return fix_everything(trace, node) };
    fix_dimensions(trace, node, &value, if is_old { axis..rank } else { axis..axis + 1 });
}

/// Mixes along one axis, or picks from it. The results have the same dimensions, or none along the axis.
pub(super) fn along_axis(trace: &mut Trace<'_>, node: &Node) {
    let Some((value, rank)) = first(trace, node) else { return };
    let default = if matches!(node.op(), "ArgMax" | "ArgMin") { 0 } else { -1 };
    let axis = match node.op() {
        // Its axis is an input.
        "CumSum" => None,
        _ => axis_of(trace, node, &value, default),
    };
    let Some(axis) = axis else { return fix_everything(trace, node) };
    let mixed = trace.mixed();
    trace.fix(&value, axis, &mixed);
    let mut along = all_along(trace, &value, rank);
    along[axis] = Along::Fixed(mixed);
    if matches!(node.op(), "ArgMax" | "ArgMin") && node.int("keepdims") == Some(0) {
        along.remove(axis);
    }
    for output in &node.output {
        trace.set(output, super::Value::Computed(along.clone()));
    }
}

/// Mixes dimension 1 and the positions.
pub(super) fn channels(trace: &mut Trace<'_>, node: &Node) {
    let Some((value, rank)) = first(trace, node) else { return };
    fix_dimensions(trace, node, &value, 1.min(rank)..rank);
    let mixed = trace.mixed();
    for parameter in node.input.iter().skip(1).filter(|input| !input.is_empty()) {
        trace.fix_value(parameter, &mixed);
    }
}

/// Sums or maxima over some dimensions.
pub(super) fn reduce(trace: &mut Trace<'_>, node: &Node) {
    let Some((value, rank)) = first(trace, node) else { return };
    let Some(axes) = reduced(trace, node, rank) else { return fix_everything(trace, node) };
    let mixed = trace.mixed();
    let keeps = node.int("keepdims") != Some(0);
    let mut along = Vec::new();
    for dimension in 0..rank {
        if axes.contains(&dimension) {
            trace.fix(&value, dimension, &mixed);
            if keeps {
                along.push(Along::Fixed(mixed.clone()));
            }
        } else {
            along.push(trace.along(&value, dimension, Role::Follows));
        }
    }
    trace.set_output(node, along);
}

/// Returns the dimensions that are reduced; `None` if they are known only when the model runs.
fn reduced(trace: &Trace<'_>, node: &Node, rank: usize) -> Option<Vec<usize>> {
    let axes = match (node.ints("axes"), node.input.get(1).filter(|input| !input.is_empty())) {
        (Some(axes), _) => axes.to_vec(),
        (None, Some(input)) => {
            let integers = trace.shapes.integers(input)?;
            let number = |integer: &Integer| match integer {
                Integer::Value(value) => Some(*value),
                _ => None,
            };
            integers.values.iter().map(number).collect::<Option<_>>()?
        }
        (None, None) => vec![],
    };
    if axes.is_empty() {
        let is_nothing = node.int("noop_with_empty_axes").unwrap_or(0) != 0;
        return Some(if is_nothing { vec![] } else { (0..rank).collect() });
    }
    axes.into_iter().map(|axis| counted(axis, rank)).collect()
}

fn fix_dimensions(trace: &mut Trace<'_>, node: &Node, value: &str, mixed: std::ops::Range<usize>) {
    let reason = trace.mixed();
    let rank = trace.rank(value).unwrap_or_default();
    let mut along = all_along(trace, value, rank);
    for dimension in mixed {
        trace.fix(value, dimension, &reason);
        along[dimension] = Along::Fixed(reason.clone());
    }
    trace.set_output(node, along);
}

fn fix_everything(trace: &mut Trace<'_>, node: &Node) {
    let mixed = trace.mixed();
    fix_all(trace, node, &mixed);
}

/// Returns the first input and its rank; without a rank, everything is fixed.
fn first(trace: &mut Trace<'_>, node: &Node) -> Option<(String, usize)> {
    let input = node.input.first()?.clone();
    match trace.rank(&input) {
        Some(rank) if rank > 0 => Some((input, rank)),
        _ => {
            let reason = Reason::Extent { node: trace.node_name() };
            fix_all(trace, node, &reason);
            None
        }
    }
}
