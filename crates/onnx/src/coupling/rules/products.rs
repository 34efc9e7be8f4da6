//! Convolutions and matrix products: their weights make channels, and read those of their input.

use super::super::trace::{Product, Rewrite, Trace};
use super::super::{Along, Reason, Role};
use super::fix_all;
use crate::proto::Node;
use crate::shapes::Dim;

/// The most parts of a convolution whose channels are clipped.
const MOST_PARTS: usize = 4096;

/// The weight, the bias and the image of a convolution.
struct Parts<'a> {
    image: &'a str,
    weight: &'a str,
    bias: &'a str,
    rank: usize,
}

impl<'a> Parts<'a> {
    /// Returns the parts, if the weight is a tensor of the file; otherwise everything is fixed.
    fn of(trace: &mut Trace<'_>, node: &'a Node) -> Option<Self> {
        let input = |number: usize| node.input.get(number).map_or("", String::as_str);
        let (image, weight, bias) = (input(0), input(1), input(2));
        let rank = trace.rank(weight).filter(|rank| *rank >= 2);
        match rank {
            Some(rank) if trace.is_stored(weight) => Some(Self { image, weight, bias, rank }),
            _ => {
                let reason = Reason::ComputedWeight { node: trace.node_name() };
                fix_all(trace, node, &reason);
                None
            }
        }
    }

    /// Sets the result, whose channels are `made`. Positions are not channels.
    fn set(&self, trace: &mut Trace<'_>, node: &Node, made: Along) {
        let mixed = trace.mixed();
        for position in 2..self.rank {
            trace.fix(self.image, position, &mixed);
        }
        let image = trace.along(self.image, 0, Role::Follows);
        let positions = std::iter::repeat_n(Along::Fixed(mixed), self.rank - 2);
        trace.set_output(node, [image, made].into_iter().chain(positions).collect());
    }

    fn taps(&self, trace: &Trace<'_>) -> usize {
        let taps = (2..self.rank).filter_map(|axis| trace.known(self.weight, axis));
        taps.fold(1, usize::saturating_mul)
    }

    /// Notes the multiply-accumulates: every number of a value, times some extents, times the taps.
    fn count(&self, trace: &mut Trace<'_>, of: &str, channels: Along, others: Vec<(Along, Dim)>) {
        let number = trace.number;
        let dim = |trace: &Trace<'_>, axis| trace.extent(of, axis).unwrap_or(Dim::Symbol(u32::MAX));
        let mut factors = others;
        for axis in (0..self.rank).filter(|axis| *axis != 1) {
            let along = Along::Fixed(Reason::NotMade);
            factors.push((along, dim(trace, axis)));
        }
        factors.push((channels, dim(trace, 1)));
        let taps = self.taps(trace);
        trace.products.push(Product { node: number, factors, taps });
    }
}

pub(super) fn conv(trace: &mut Trace<'_>, node: &Node) {
    let Some(parts) = Parts::of(trace, node) else { return };
    let groups = usize::try_from(node.int("group").unwrap_or(1)).unwrap_or(1);
    let output = node.output.first().map_or("", String::as_str);
    let read = trace.along(parts.image, 1, Role::Follows);
    let inputs = trace.known(parts.weight, 1).unwrap_or_default();
    let outputs = trace.known(parts.weight, 0).unwrap_or_default();
    if groups == 1 {
        trace.bind(parts.weight, 1, &read, Role::Uses);
        let made = trace.along(parts.weight, 0, Role::Makes);
        bind_bias(trace, parts.bias, &made);
        parts.count(trace, output, made.clone(), vec![(read, Dim::Known(inputs))]);
        return parts.set(trace, node, made);
    }
    let per_channel = outputs / groups;
    let depthwise = (inputs == 1 && per_channel > 0 && outputs == groups * per_channel)
        .then(|| read.within(1, groups, per_channel))
        .flatten();
    if let Some(made) = depthwise {
        trace.bind(parts.weight, 0, &made, Role::Follows);
        bind_bias(trace, parts.bias, &made);
        let number = trace.number;
        trace.rewrites.push(Rewrite::Groups { node: number, channels: read });
        parts.count(trace, output, made.clone(), vec![]);
        return parts.set(trace, node, made);
    }
    let reason = Reason::Grouped { node: trace.node_name(), parts: groups };
    if per_channel == 0 || outputs != groups * per_channel || groups > MOST_PARTS {
        fix_channels(trace, &parts, &reason);
        return parts.set(trace, node, Along::Fixed(reason));
    }
    // Every part has as many channels: those at the same place of all parts are clipped together.
    let of_part = united(trace, &read, [groups, inputs], &reason);
    trace.bind(parts.weight, 1, &of_part, Role::Uses);
    let made = trace.along(parts.weight, 0, Role::Makes);
    united(trace, &made, [groups, per_channel], &reason);
    bind_bias(trace, parts.bias, &made);
    parts.count(trace, output, made.clone(), vec![(of_part, Dim::Known(inputs))]);
    parts.set(trace, node, made);
}

/// Unites the channels at the same place of all parts of a dimension. Returns what lies along the first part.
fn united(
    trace: &mut Trace<'_>,
    along: &Along,
    [parts, width]: [usize; 2],
    reason: &Reason,
) -> Along {
    let mut first: Option<Along> = None;
    for part in 0..parts {
        let of_part = trace.axes.slice(along, part * width, (part + 1) * width, reason);
        match &first {
            Some(first) => trace.axes.combine(first, &of_part, reason),
            None => first = Some(of_part),
        }
    }
    first.unwrap_or_else(|| Along::Fixed(reason.clone()))
}

/// The weight of a transposed convolution is `[inputs, outputs, …]`.
pub(super) fn conv_transpose(trace: &mut Trace<'_>, node: &Node) {
    let Some(parts) = Parts::of(trace, node) else { return };
    let groups = usize::try_from(node.int("group").unwrap_or(1)).unwrap_or(1);
    let read = trace.along(parts.image, 1, Role::Follows);
    let outputs = trace.known(parts.weight, 1).unwrap_or_default();
    let image = parts.image;
    if groups == 1 {
        trace.bind(parts.weight, 0, &read, Role::Uses);
        let made = trace.along(parts.weight, 1, Role::Makes);
        bind_bias(trace, parts.bias, &made);
        parts.count(trace, image, read, vec![(made.clone(), Dim::Known(outputs))]);
        return parts.set(trace, node, made);
    }
    if outputs == 1 && trace.known(parts.weight, 0) == Some(groups) {
        trace.bind(parts.weight, 0, &read, Role::Follows);
        bind_bias(trace, parts.bias, &read);
        let number = trace.number;
        trace.rewrites.push(Rewrite::Groups { node: number, channels: read.clone() });
        parts.count(trace, image, read.clone(), vec![]);
        return parts.set(trace, node, read);
    }
    let reason = Reason::Grouped { node: trace.node_name(), parts: groups };
    fix_channels(trace, &parts, &reason);
    let outputs = (Along::Fixed(reason.clone()), Dim::Known(outputs));
    parts.count(trace, image, Along::Fixed(reason.clone()), vec![outputs]);
    parts.set(trace, node, Along::Fixed(reason));
}

fn bind_bias(trace: &mut Trace<'_>, bias: &str, made: &Along) {
    if !bias.is_empty() {
        trace.bind(bias, 0, made, Role::Follows);
    }
}

fn fix_channels(trace: &mut Trace<'_>, parts: &Parts<'_>, reason: &Reason) {
    trace.fix(parts.image, 1, reason);
    trace.fix_value(parts.weight, reason);
    trace.fix_value(parts.bias, reason);
}

/// `A B`, `[…, m, k] × […, k, n]`.
pub(super) fn mat_mul(trace: &mut Trace<'_>, node: &Node) {
    let (Some(a), Some(b)) = (node.input.first(), node.input.get(1)) else { return };
    let ranks = (trace.rank(a), trace.rank(b));
    let (Some(of_a), Some(of_b)) = ranks else {
        let reason = Reason::Extent { node: trace.node_name() };
        return fix_all(trace, node, &reason);
    };
    if of_a == 0 || of_b == 0 {
        return fix_all(trace, node, &Reason::Extent { node: trace.node_name() });
    }
    let row = of_b.saturating_sub(2);
    contract(trace, (a, of_a - 1), (b, row));
    let batch = of_a.saturating_sub(2).max(of_b.saturating_sub(2));
    let mut along = Vec::new();
    let mut factors = vec![(trace.along(a, of_a - 1, Role::Uses), dim(trace, a, of_a - 1))];
    for dimension in 0..batch {
        // Batches line up from the right, and extents of 1 are repeated.
        let of = |rank: usize| dimension.checked_sub(batch - rank.saturating_sub(2).min(batch));
        let at = [(a, of(of_a)), (b, of(of_b))].into_iter();
        let at: Vec<_> = at.filter_map(|(value, axis)| Some((value, axis?))).collect();
        let wide = at.iter().find(|(value, axis)| trace.known(value, *axis) != Some(1));
        let Some((value, axis)) = wide.or(at.first()).copied() else { continue };
        let found = trace.along(value, axis, Role::Follows);
        for (other, axis) in at.iter().filter(|(other, _)| *other != value) {
            if trace.known(other, *axis) != Some(1) {
                trace.bind(other, *axis, &found, Role::Follows);
            }
        }
        factors.push((found.clone(), dim(trace, value, axis)));
        along.push(found);
    }
    for (value, axis) in [(a, of_a.checked_sub(2)), (b, (of_b > 1).then(|| of_b - 1))] {
        let Some(axis) = axis else { continue };
        let made = trace.along(value, axis, Role::Makes);
        factors.push((made.clone(), dim(trace, value, axis)));
        along.push(made);
    }
    let number = trace.number;
    trace.products.push(Product { node: number, factors, taps: 1 });
    trace.set_output(node, along);
}

/// `α A B + β C`, where A and B may be transposed.
pub(super) fn gemm(trace: &mut Trace<'_>, node: &Node) {
    let (Some(a), Some(b)) = (node.input.first(), node.input.get(1)) else { return };
    if trace.rank(a) != Some(2) || trace.rank(b) != Some(2) {
        return fix_all(trace, node, &Reason::Extent { node: trace.node_name() });
    }
    let is_set = |name| usize::from(node.int(name).unwrap_or(0) != 0);
    let (row, inner) = (is_set("transA"), 1 - is_set("transA"));
    let (of_b, column) = (is_set("transB"), 1 - is_set("transB"));
    contract(trace, (a, inner), (b, of_b));
    let rows = trace.along(a, row, Role::Makes);
    let columns = trace.along(b, column, Role::Makes);
    let factors = vec![
        (trace.along(a, inner, Role::Uses), dim(trace, a, inner)),
        (rows.clone(), dim(trace, a, row)),
        (columns.clone(), dim(trace, b, column)),
    ];
    if let Some(c) = node.input.get(2).filter(|c| !c.is_empty()) {
        let rank = trace.rank(c).unwrap_or_default();
        for (back, along) in [(1, &columns), (2, &rows)] {
            let Some(axis) = rank.checked_sub(back) else { continue };
            if trace.known(c, axis) != Some(1) {
                trace.bind(c, axis, along, Role::Follows);
            }
        }
    }
    let number = trace.number;
    trace.products.push(Product { node: number, factors, taps: 1 });
    trace.set_output(node, vec![rows, columns]);
}

/// Says that two dimensions are summed over together. A tensor of the file reads what lies along the other.
fn contract(trace: &mut Trace<'_>, (a, of_a): (&str, usize), (b, of_b): (&str, usize)) {
    if trace.is_stored(a) && !trace.is_stored(b) {
        let along = trace.along(b, of_b, Role::Uses);
        return trace.bind(a, of_a, &along, Role::Uses);
    }
    let along = trace.along(a, of_a, Role::Uses);
    trace.bind(b, of_b, &along, Role::Uses);
}

fn dim(trace: &Trace<'_>, value: &str, axis: usize) -> Dim {
    trace.extent(value, axis).unwrap_or(Dim::Symbol(u32::MAX))
}
