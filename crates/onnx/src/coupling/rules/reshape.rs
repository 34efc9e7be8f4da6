//! Operations that give a value other extents: dimensions that stay, that are merged, and others.

use std::ops::Range;

use super::super::trace::{Rewrite, Trace, Value};
use super::super::{Along, Reason, Role};
use super::{fix_all, view};
use crate::proto::Node;
use crate::shapes::Dim;

/// Reshape, Flatten, Squeeze and Unsqueeze, by the extents before and after.
pub(super) fn reshape(trace: &mut Trace<'_>, node: &Node) {
    let (Some(input), Some(output)) = (node.input.first(), node.output.first()) else { return };
    let before: Option<Vec<Dim>> = trace
        .rank(input)
        .and_then(|rank| (0..rank).map(|dimension| trace.extent(input, dimension)).collect());
    let after = trace.shapes.of(output).map(<[Dim]>::to_vec);
    let (Some(before), Some(after)) = (before, after) else {
        let reason = Reason::Extent { node: trace.node_name() };
        return fix_all(trace, node, &reason);
    };
    let parts = parts(&before, &after);
    if node.op() == "Reshape" {
        let number = trace.number;
        trace.rewrites.push(Rewrite::Shape { node: number, input: 1 });
    }
    if let Some(dimensions) = kept(&parts, after.len())
        && view(trace, node, |found| {
            dimensions.iter().map(|of_input| of_input.and_then(|input| found[input])).collect()
        })
    {
        return;
    }
    let mut along = vec![Along::Fixed(trace.reshaped()); after.len()];
    for (from, to) in parts {
        merge(trace, input, &before, from, &mut along[to]);
    }
    trace.set(&output.clone(), Value::Computed(along));
}

/// Finds what lies along the dimensions `along` that some dimensions became.
fn merge(
    trace: &mut Trace<'_>,
    input: &str,
    before: &[Dim],
    from: Range<usize>,
    along: &mut [Along],
) {
    let reason = trace.reshaped();
    let wide: Vec<usize> = from.clone().filter(|axis| before[*axis] != Dim::Known(1)).collect();
    let channels: Vec<(usize, Along)> = wide
        .iter()
        .map(|axis| (*axis, trace.along(input, *axis, Role::Follows)))
        .filter(|(_, along)| matches!(along, Along::Channels(_)))
        .collect();
    if let ([only], [after]) = (&wide[..], &mut *along) {
        *after = trace.along(input, *only, Role::Follows);
        return;
    }
    let merged = match (&channels[..], &*along) {
        ([(axis, of_axis)], [_]) => {
            let product = |axes: Range<usize>| {
                let mut extents = before[axes].iter().map(|dim| match dim {
                    Dim::Known(extent) => Some(*extent),
                    Dim::Symbol(_) => None,
                });
                extents.try_fold(1_usize, |product, extent| product.checked_mul(extent?))
            };
            let (outer, inner) = (product(from.start..*axis), product(axis + 1..from.end));
            let extent = product(*axis..axis + 1);
            outer
                .zip(extent)
                .zip(inner)
                .and_then(|((outer, extent), inner)| of_axis.within(outer, extent, inner))
        }
        _ => None,
    };
    match (merged, along) {
        (Some(merged), [after]) => *after = merged,
        _ => {
            for (axis, _) in channels {
                trace.fix(input, axis, &reason);
            }
        }
    }
}

/// Returns, for every dimension after, the one that it was, if none was merged or split.
fn kept(parts: &[(Range<usize>, Range<usize>)], after: usize) -> Option<Vec<Option<usize>>> {
    let mut dimensions = vec![None; after];
    for (from, to) in parts {
        match (from.len(), to.len()) {
            (1, 1) => dimensions[to.start] = Some(from.start),
            // Extents of 1 that are removed or added.
            (1, 0) | (0, 1) => {}
            _ => return None,
        }
    }
    Some(dimensions)
}

/// A product of extents: its symbols in order, and its number.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Extent {
    symbols: Vec<u32>,
    number: u128,
}

/// Returns the products of the first extents: of none, of one, of two, ….
fn prefixes(extents: &[Dim]) -> Vec<Extent> {
    let mut product = Extent { symbols: vec![], number: 1 };
    let mut all = vec![product.clone()];
    for extent in extents {
        match extent {
            Dim::Known(extent) => product.number = product.number.saturating_mul(*extent as u128),
            Dim::Symbol(symbol) => {
                let place = product.symbols.partition_point(|other| other < symbol);
                product.symbols.insert(place, *symbol);
            }
        }
        all.push(product.clone());
    }
    all
}

/// Returns the smallest ranges of dimensions with the same number of elements before and after, in order. What is left
/// at the end, if the extents are not known well enough, is one part.
fn parts(before: &[Dim], after: &[Dim]) -> Vec<(Range<usize>, Range<usize>)> {
    let (befores, afters) = (prefixes(before), prefixes(after));
    let (mut from, mut to) = (0, 0);
    let mut parts = Vec::new();
    while from < before.len() || to < after.len() {
        let ends =
            (from..=before.len()).flat_map(|one| (to..=after.len()).map(move |two| (one, two)));
        let ends = ends.filter(|(one, two)| one + two > from + to && befores[*one] == afters[*two]);
        // Where extents of 1 could belong to several parts, a dimension that stays is better.
        let end = ends.min_by_key(|(one, two)| {
            (one + two - from - to, usize::from(*one == from || *two == to))
        });
        let end = match end {
            // Look one step further: `1, C` to `C` removes the 1, and keeps C.
            Some(end) => end,
            None => (before.len(), after.len()),
        };
        parts.push((from..end.0, to..end.1));
        (from, to) = end;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dims(extents: &[i64]) -> Vec<Dim> {
        // Negative numbers are symbols.
        let dim = |extent: &i64| match usize::try_from(*extent) {
            Ok(extent) => Dim::Known(extent),
            Err(_) => Dim::Symbol(-extent as u32),
        };
        extents.iter().map(dim).collect()
    }

    fn split(before: &[i64], after: &[i64]) -> Vec<(Range<usize>, Range<usize>)> {
        parts(&dims(before), &dims(after))
    }

    #[test]
    fn dimensions_are_matched_by_their_products() {
        assert_eq!(split(&[-1, 16, 5, 5], &[-1, 400]), [(0..1, 0..1), (1..4, 1..2)]);
        assert_eq!(
            split(&[-1, 7, 64], &[-1, 7, 4, 16]),
            [(0..1, 0..1), (1..2, 1..2), (2..3, 2..4)]
        );
        assert_eq!(split(&[8], &[8, 1, 1]), [(0..1, 0..1), (1..1, 1..2), (1..1, 2..3)]);
        assert_eq!(kept(&split(&[1, 8, 1], &[8]), 1), Some(vec![Some(1)]));
        assert_eq!(kept(&split(&[-1, 8, 1, 1], &[-1, 8]), 2), Some(vec![Some(0), Some(1)]));
        // Nothing is known of the last extent.
        assert_eq!(split(&[-1, 8, 3], &[-1, -2]), [(0..1, 0..1), (1..3, 1..2)]);
    }
}
