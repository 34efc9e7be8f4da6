//! Numbers of channels that a model computes with while it runs, such as `Shape` and what follows it. A clip changes
//! them. In shapes and bounds that are written anew this is as it should be; anywhere else, the channels are fixed.

use super::super::trace::Trace;
use super::super::{Along, Reason, Role};
use crate::proto::Node;
use crate::shapes::Integer;

/// What the entries of a value count: for each entry, the channels whose number is in it.
pub(crate) type Counts = Vec<Vec<Along>>;

/// Follows the numbers of channels through a node, or fixes the channels if it computes with them.
pub(super) fn follow(trace: &mut Trace<'_>, node: &Node) {
    if node.op() == "Shape" && node.has_standard_op() {
        return shape(trace, node);
    }
    for (number, input) in node.input.iter().enumerate() {
        let Some(counts) = trace.counts.get(input).cloned() else { continue };
        if counts.iter().all(Vec::is_empty) || is_rewritten(trace, node, number) {
            continue;
        }
        if let Some(counts) = passed(trace, node, number, &counts) {
            add(trace, node, counts);
            continue;
        }
        let reason = Reason::Counted { node: trace.node_name(), op: trace.op() };
        for along in counts.iter().flatten() {
            trace.axes.fix_along(along, &reason);
        }
    }
}

fn shape(trace: &mut Trace<'_>, node: &Node) {
    let Some(input) = node.input(0) else { return };
    let Some(rank) = trace.rank(input) else { return };
    // Extents of a tensor of the file that nothing has read yet are made when they are needed.
    if trace.is_stored(input) {
        return;
    }
    let bound = |name: &str, default: i64| {
        let at = node.int(name).unwrap_or(default);
        let at = if at < 0 { at.saturating_add(rank as i64) } else { at };
        at.clamp(0, rank as i64) as usize
    };
    let (start, end) = (bound("start", 0), bound("end", rank as i64));
    let counts = (start..end.max(start)).map(|dimension| {
        let along = trace.along(input, dimension, Role::Follows);
        if matches!(along, Along::Channels(_)) { vec![along] } else { vec![] }
    });
    let counts = counts.collect();
    add(trace, node, counts);
}

/// Adds what the entries of the first output count.
fn add(trace: &mut Trace<'_>, node: &Node, counts: Counts) {
    let Some(output) = node.output.first() else { return };
    let found = trace.counts.entry(output.clone()).or_default();
    found.resize(found.len().max(counts.len()), vec![]);
    for (found, counts) in found.iter_mut().zip(counts) {
        found.extend(counts);
    }
}

/// Returns whether an input is a shape or a bound that a clip writes anew.
fn is_rewritten(trace: &mut Trace<'_>, node: &Node, input: usize) -> bool {
    match (node.op(), input) {
        ("Reshape" | "Expand", 1) | ("Resize", 3) => true,
        ("Slice", 1 | 2) => {
            let Some(value) = node.input(0) else { return false };
            let rank = trace.rank(value).unwrap_or_default();
            (0..rank)
                .any(|axis| matches!(trace.along(value, axis, Role::Follows), Along::Channels(_)))
        }
        _ => false,
    }
}

/// Returns what the entries of the output count, if a node only moves integers or computes with them.
fn passed(trace: &Trace<'_>, node: &Node, input: usize, counts: &Counts) -> Option<Counts> {
    let all = || vec![counts.iter().flatten().cloned().collect::<Vec<_>>()];
    match (node.op(), input) {
        ("Identity" | "Unsqueeze" | "Squeeze", 0) => Some(counts.clone()),
        ("Cast", 0) if matches!(node.int("to"), Some(6 | 7)) => Some(counts.clone()),
        ("Gather", 0) => {
            let indices = trace.shapes.integers(node.input(1)?)?;
            let entry = |index: &Integer| match index {
                Integer::Value(index) => {
                    let index = if *index < 0 { index + counts.len() as i64 } else { *index };
                    counts.get(usize::try_from(index).ok()?).cloned()
                }
                _ => None,
            };
            indices.values.iter().map(entry).collect()
        }
        ("Concat", _) => {
            let before = node.input[..input].iter();
            let before = before.map(|input| Some(trace.shapes.integers(input)?.values.len()));
            let before: usize = before.sum::<Option<usize>>()?;
            Some(std::iter::repeat_n(vec![], before).chain(counts.iter().cloned()).collect())
        }
        ("Slice", 0) | ("Add" | "Sub" | "Mul" | "Div" | "Mod" | "Min" | "Max" | "Reshape", _) => {
            // Which entries are counted does not matter much here: each may be any of them.
            let entries = trace.shapes.integers(node.output.first()?)?.values.len();
            Some(vec![all().remove(0); entries])
        }
        _ => None,
    }
}
