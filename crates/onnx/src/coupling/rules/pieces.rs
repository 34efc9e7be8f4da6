//! Operations that put channels side by side, and take them apart again.

use super::super::trace::{Rewrite, Trace, Value};
use super::super::{Along, Reason, Role};
use super::{all_along, axis_of, counted, fix_all};
use crate::proto::Node;
use crate::shapes::{Dim, Integer};

/// Values side by side along an axis.
pub(super) fn concat(trace: &mut Trace<'_>, node: &Node) {
    let Some(first) = node.input.first() else { return };
    let Some((axis, rank)) = axis_of(trace, node, first, 0).zip(trace.rank(first)) else {
        let reason = Reason::Extent { node: trace.node_name() };
        return fix_all(trace, node, &reason);
    };
    let mut along = all_along(trace, first, rank);
    for input in &node.input[1..] {
        for dimension in (0..rank).filter(|dimension| *dimension != axis) {
            trace.bind(input, dimension, &along[dimension], Role::Follows);
        }
    }
    along[axis] = beside(trace, node, axis);
    trace.set_output(node, along);
}

/// Returns what lies along the axis of a Concat.
fn beside(trace: &mut Trace<'_>, node: &Node, axis: usize) -> Along {
    let parts: Vec<Along> =
        node.input.iter().map(|input| trace.along(input, axis, Role::Follows)).collect();
    if !parts.iter().any(|along| matches!(along, Along::Channels(_))) {
        return parts.into_iter().next().unwrap_or(Along::Fixed(Reason::NotMade));
    }
    let mut pieces = Vec::new();
    let mut before = 0;
    for (input, along) in node.input.iter().zip(&parts) {
        let Some(extent) = trace.known(input, axis) else {
            let reason = Reason::Extent { node: trace.node_name() };
            for along in &parts {
                trace.axes.fix_along(along, &reason);
            }
            return Along::Fixed(reason);
        };
        match along {
            Along::Channels(of_input) => pieces.extend(Along::shifted(of_input, before)),
            Along::Fixed(reason) => {
                let made = trace.axes.make_fixed(extent, reason.clone());
                pieces.extend(Along::shifted(&made, before));
            }
        }
        before += extent;
    }
    Along::Channels(pieces)
}

/// Parts of a value along an axis.
pub(super) fn split(trace: &mut Trace<'_>, node: &Node) {
    let Some(input) = node.input.first().cloned() else { return };
    let Some((axis, rank)) = axis_of(trace, node, &input, 0).zip(trace.rank(&input)) else {
        let reason = Reason::Extent { node: trace.node_name() };
        return fix_all(trace, node, &reason);
    };
    let along = all_along(trace, &input, rank);
    let picked = trace.picked();
    let extents: Vec<Option<usize>> =
        node.output.iter().map(|output| part(trace, output, axis)).collect();
    let mut from = Some(0_usize);
    let mut parts = Vec::new();
    for (output, extent) in node.output.iter().zip(&extents) {
        let to = from.zip(*extent).map(|(from, extent)| from + extent);
        let part = if let Some((from, to)) = from.zip(to) {
            trace.axes.slice(&along[axis], from, to, &picked)
        } else {
            trace.axes.fix_along(&along[axis], &picked);
            Along::Fixed(picked.clone())
        };
        let mut of_output = along.clone();
        of_output[axis] = part.clone();
        parts.push(part);
        trace.set(output, Value::Computed(of_output));
        from = to;
    }
    if matches!(along[axis], Along::Channels(_)) {
        let number = trace.number;
        trace.rewrites.push(Rewrite::Split { node: number, parts });
    }
}

fn part(trace: &Trace<'_>, output: &str, axis: usize) -> Option<usize> {
    match trace.shapes.of(output)?.get(axis)? {
        Dim::Known(extent) => Some(*extent),
        Dim::Symbol(_) => None,
    }
}

/// A range along some axes.
pub(super) fn slice(trace: &mut Trace<'_>, node: &Node) {
    let Some(input) = node.input.first().cloned() else { return };
    let (Some(rank), Some(bounds)) = (trace.rank(&input), Bounds::of(trace, node)) else {
        let picked = trace.picked();
        return fix_all(trace, node, &picked);
    };
    let mut along = all_along(trace, &input, rank);
    let picked = trace.picked();
    for (entry, axis) in bounds.axes.iter().enumerate() {
        let Some(axis) = counted(*axis, rank) else { return fix_all(trace, node, &picked) };
        if matches!(along[axis], Along::Fixed(_)) {
            continue;
        }
        let extent = trace.known(&input, axis).filter(|_| bounds.are_known());
        let Some((from, to)) = extent.and_then(|extent| bounds.range(entry, extent)) else {
            trace.axes.fix_along(&along[axis], &picked);
            along[axis] = Along::Fixed(picked.clone());
            continue;
        };
        let whole = along[axis].clone();
        let before = trace.axes.slice(&whole, 0, from, &picked);
        let inside = trace.axes.slice(&whole, from, to, &picked);
        along[axis] = inside.clone();
        let number = trace.number;
        trace.rewrites.push(Rewrite::Slice { node: number, entry, before, inside });
    }
    trace.set_output(node, along);
}

/// The bounds of a Slice.
pub(crate) struct Bounds {
    starts: Vec<Option<i64>>,
    ends: Vec<Option<i64>>,
    steps: Vec<Option<i64>>,
    axes: Vec<i64>,
}

impl Bounds {
    /// Returns the bounds, from attributes (until opset 9) or inputs. Bounds that are known only when the model runs
    /// are `None`; `None` in place of all if even the axes are not known.
    fn of(trace: &Trace<'_>, node: &Node) -> Option<Self> {
        if let (Some(starts), Some(ends)) = (node.ints("starts"), node.ints("ends")) {
            let all = |numbers: &[i64]| numbers.iter().copied().map(Some).collect::<Vec<_>>();
            let axes = node
                .ints("axes")
                .map_or_else(|| (0..starts.len() as i64).collect(), <[i64]>::to_vec);
            let steps = vec![Some(1); starts.len()];
            return Self { starts: all(starts), ends: all(ends), steps, axes }.checked();
        }
        let list = |input: usize| {
            let integers = trace.shapes.integers(node.input(input)?)?;
            let number = |integer: &Integer| match integer {
                Integer::Value(value) => Some(*value),
                _ => None,
            };
            Some(integers.values.iter().map(number).collect::<Vec<Option<i64>>>())
        };
        let (starts, ends) = (list(1)?, list(2)?);
        let axes = match node.input(3) {
            Some(_) => list(3)?.into_iter().collect::<Option<_>>()?,
            None => (0..starts.len() as i64).collect(),
        };
        let steps = match node.input(4) {
            Some(_) => list(4)?,
            None => vec![Some(1); starts.len()],
        };
        Self { starts, ends, steps, axes }.checked()
    }

    fn checked(self) -> Option<Self> {
        let Self { starts, ends, steps, axes } = &self;
        let count = axes.len();
        (starts.len() == count && ends.len() == count && steps.len() == count).then_some(self)
    }

    /// Returns whether all bounds are known, so that they can be written anew.
    fn are_known(&self) -> bool {
        self.starts.iter().chain(&self.ends).all(Option::is_some)
    }

    /// Returns the positions of an entry along an axis; `None` if they are not known, or not side by side.
    fn range(&self, entry: usize, extent: usize) -> Option<(usize, usize)> {
        let (start, end) = (self.starts[entry]?, self.ends[entry]?);
        if self.steps[entry] != Some(1) {
            return None;
        }
        let position = |bound: i64| {
            let extent = extent as i64;
            let from_front = if bound < 0 { bound.saturating_add(extent) } else { bound };
            from_front.clamp(0, extent) as usize
        };
        let (start, end) = (position(start), position(end));
        (start <= end).then_some((start, end))
    }
}
