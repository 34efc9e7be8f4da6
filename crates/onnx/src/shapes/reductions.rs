//! Operations that take one number from all entries along some axes.

use super::Dim;
use super::call::{Call, Listed, places};
use super::symbols::Symbols;

/// Sums, means, maxima and norms: the axes are an attribute or the second input.
pub(super) fn reduce(call: &Call<'_>, symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let keeps = call.int("keepdims", 1) != 0;
    let Some(dims) = call.dims(0) else {
        let of_all = matches!(call.list("axes", 1), Listed::Absent);
        return (of_all && !keeps && !is_noop(call)).then(Vec::new);
    };
    let reduced = match call.list("axes", 1) {
        Listed::These(axes) if !axes.is_empty() => places(&axes, dims.len())?,
        Listed::Unknown if keeps => return symbols.several(dims.len()),
        Listed::Unknown => return None,
        _ if is_noop(call) => return Some(dims.to_vec()),
        _ => vec![true; dims.len()],
    };
    Some(without(dims, &reduced, keeps))
}

fn is_noop(call: &Call<'_>) -> bool {
    call.int("noop_with_empty_axes", 0) != 0
}

/// Where the largest or the smallest entry along an axis is.
pub(super) fn place_of_extreme(call: &Call<'_>, _: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let dims = call.dims(0)?;
    let reduced = places(&[call.int("axis", 0)], dims.len())?;
    Some(without(dims, &reduced, call.int("keepdims", 1) != 0))
}

fn without(dims: &[Dim], reduced: &[bool], keeps: bool) -> Vec<Dim> {
    let axes = dims.iter().zip(reduced);
    let left = axes.filter_map(|(dim, reduced)| match (reduced, keeps) {
        (false, _) => Some(*dim),
        (true, true) => Some(Dim::Known(1)),
        (true, false) => None,
    });
    left.collect()
}

#[cfg(test)]
mod tests {
    use crate::shapes::testing::case;

    #[test]
    fn axes_are_an_attribute_or_an_input() {
        assert_eq!(case("ReduceMean").input("N 3 4").ints("axes", &[1]).shape(), "N 1 4");
        assert_eq!(case("ReduceSum").input("N 3 4").integers(&[-1, 1]).shape(), "N 1 1");
        let gone = case("ReduceMax").input("N 3 4").ints("axes", &[-1]).int("keepdims", 0);
        assert_eq!(gone.shape(), "N 3");
        assert_eq!(case("ReduceL2").input("N 3").ints("axes", &[2]).shape(), "unknown");
    }

    #[test]
    fn no_axes_are_all_axes_or_none() {
        assert_eq!(case("ReduceMean").input("N 3").shape(), "1 1");
        assert_eq!(case("ReduceMean").unknown().int("keepdims", 0).shape(), "");
        let noop = || case("ReduceSum").int("noop_with_empty_axes", 1);
        assert_eq!(noop().input("N 3").shape(), "N 3");
        assert_eq!(noop().input("N 3").integers(&[]).shape(), "N 3");
        assert_eq!(case("ReduceSum").input("N 3").integers(&[]).shape(), "1 1");
    }

    #[test]
    fn unknown_axes_leave_the_rank() {
        assert_eq!(case("ReduceSum").input("N 3").unknown().shape(), "? ?");
        assert_eq!(case("ReduceSum").input("N 3").unknown().int("keepdims", 0).shape(), "unknown");
    }

    #[test]
    fn the_place_of_an_extreme_has_one_axis() {
        assert_eq!(case("ArgMax").input("N 3 4").shape(), "1 3 4");
        assert_eq!(case("ArgMin").input("N 3").int("axis", -1).int("keepdims", 0).shape(), "N");
    }
}
