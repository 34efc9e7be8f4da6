//! Operations that move numbers, and keep the channels apart.

use super::super::trace::{Rewrite, Trace, Value};
use super::super::{Along, Reason, Role};
use super::{all_along, axis_of, fix_all, view};
use crate::proto::Node;
use crate::shapes::Dim;

/// The first output has the dimensions of the first input.
pub(super) fn pass(trace: &mut Trace<'_>, node: &Node) {
    let is_alias = matches!(node.op(), "Identity" | "Cast" | "CastLike" | "Dropout");
    if is_alias && view(trace, node, <[_]>::to_vec) {
        return;
    }
    let Some(input) = node.input.first() else { return };
    let Some(rank) = trace.rank(input) else {
        return trace.set_fixed_outputs(node, &Reason::Extent { node: trace.node_name() });
    };
    let along = all_along(trace, input, rank);
    trace.set_output(node, along);
    // The mask of a Dropout.
    for output in node.output.iter().skip(1) {
        trace.set_fixed(output, &Reason::NotMade);
    }
}

/// Windows slide over the positions: all dimensions but the first two.
pub(super) fn windows(trace: &mut Trace<'_>, node: &Node) {
    let Some(input) = node.input.first().cloned() else { return };
    let Some(rank) = trace.rank(&input) else { return };
    let mixed = trace.mixed();
    let mut along = all_along(trace, &input, rank);
    for (dimension, along) in along.iter_mut().enumerate().skip(2) {
        trace.fix(&input, dimension, &mixed);
        *along = Along::Fixed(mixed.clone());
    }
    trace.set_output(node, along);
    for output in node.output.iter().skip(1) {
        trace.set_fixed(output, &mixed);
    }
}

/// Dimensions that keep their extent pass their channels on.
pub(super) fn resize(trace: &mut Trace<'_>, node: &Node) {
    let (Some(input), Some(output)) = (node.input.first(), node.output.first()) else { return };
    let (Some(rank), Some(after)) =
        (trace.rank(input), trace.shapes.of(output).map(<[Dim]>::to_vec))
    else {
        let reason = Reason::Extent { node: trace.node_name() };
        return fix_all(trace, node, &reason);
    };
    let picked = trace.picked();
    // Expand adds dimensions in front.
    let added = after.len().saturating_sub(rank);
    let mut along = vec![Along::Fixed(picked.clone()); after.len()];
    for dimension in 0..rank.min(after.len()) {
        let extent = trace.extent(input, dimension);
        if extent.is_some() && extent == after.get(added + dimension).copied() {
            along[added + dimension] = trace.along(input, dimension, Role::Follows);
        } else {
            trace.fix(input, dimension, &picked);
        }
    }
    let has_channels = along.iter().any(|along| matches!(along, Along::Channels(_)));
    let sizes = match node.op() {
        "Expand" => Some(1),
        "Resize" if node.input(3).is_some() => Some(3),
        _ => None,
    };
    if let Some(sizes) = sizes.filter(|_| has_channels) {
        if node.attribute("axes").is_some() {
            // The sizes are those of some dimensions only; a channel is seldom among them.
            for along in &along {
                trace.axes.fix_along(along, &picked);
            }
        }
        let number = trace.number;
        trace.rewrites.push(Rewrite::Shape { node: number, input: sizes });
    }
    trace.set(&output.clone(), Value::Computed(along));
}

/// Dimensions in another order.
pub(super) fn transpose(trace: &mut Trace<'_>, node: &Node) {
    let Some(input) = node.input.first().cloned() else { return };
    let Some(rank) = trace.rank(&input) else {
        return trace.set_fixed_outputs(node, &Reason::Extent { node: trace.node_name() });
    };
    let order: Vec<usize> = match node.ints("perm") {
        Some(order) => {
            order.iter().map(|axis| usize::try_from(*axis).unwrap_or(usize::MAX)).collect()
        }
        None => (0..rank).rev().collect(),
    };
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..rank) {
        let reason = trace.reshaped();
        return fix_all(trace, node, &reason);
    }
    if view(trace, node, |found| order.iter().map(|axis| found[*axis]).collect()) {
        return;
    }
    let along = all_along(trace, &input, rank);
    trace.set_output(node, order.iter().map(|axis| along[*axis].clone()).collect());
}

/// Rows of a table by their numbers, such as those of an embedding.
pub(super) fn gather(trace: &mut Trace<'_>, node: &Node) {
    let (Some(data), Some(indices)) = (node.input.first(), node.input.get(1)) else { return };
    let axis = axis_of(trace, node, data, 0);
    let ranks = trace.rank(data).zip(trace.rank(indices));
    let (Some(axis), Some((rank, of_indices))) = (axis, ranks) else {
        let reason = Reason::Extent { node: trace.node_name() };
        return fix_all(trace, node, &reason);
    };
    let picked = trace.picked();
    trace.fix(data, axis, &picked);
    trace.fix_value(indices, &picked);
    let mut along = Vec::new();
    for dimension in 0..rank {
        if dimension == axis {
            along.extend(std::iter::repeat_n(Along::Fixed(picked.clone()), of_indices));
        } else {
            along.push(trace.along(data, dimension, Role::Makes));
        }
    }
    trace.set_output(node, along);
}
