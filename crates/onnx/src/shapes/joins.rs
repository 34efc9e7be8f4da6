//! Values side by side: joined, split, repeated, padded.

use super::broadcast::equal;
use super::call::{Call, Listed, place};
use super::symbols::{Symbols, code};
use super::{Dim, Integer};

/// Concat: the inputs one behind the other along an axis.
pub(super) fn concat(call: &Call<'_>, symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let inputs = || (0..call.inputs()).filter_map(|input| call.dims(input));
    let rank = inputs().next()?.len();
    if inputs().any(|dims| dims.len() != rank) {
        return None;
    }
    let axis = call.axis(0, rank)?;
    let mut dims = Vec::with_capacity(rank);
    for at in 0..rank {
        let extents = inputs().map(|dims| dims[at]);
        dims.push(if at != axis {
            equal(extents)?
        } else if inputs().count() == call.inputs() {
            symbols.sum(&extents.collect::<Vec<Dim>>())?
        } else {
            symbols.fresh()?
        });
    }
    Some(dims)
}

/// Split: parts along an axis, of given or of equal sizes.
pub(super) fn split(call: &Call<'_>, symbols: &mut Symbols<'_>) -> Vec<Option<Vec<Dim>>> {
    let count = call.outputs();
    let Some((dims, axis)) = call.dims(0).and_then(|dims| Some((dims, call.axis(0, dims.len())?)))
    else {
        return vec![None; count];
    };
    let sizes = call.list("split", 1);
    let part = |part: usize| {
        let mut dims = dims.to_vec();
        dims[axis] = match &sizes {
            Listed::These(sizes) => usize::try_from(*sizes.get(part)?).ok().map(Dim::Known)?,
            Listed::Unknown => symbols.fresh()?,
            Listed::Absent => equal_part(dims[axis], part, count, symbols)?,
        };
        Some(dims)
    };
    (0..count).map(part).collect()
}

/// Returns the extent of one of the equal parts of an axis. The last can have less.
fn equal_part(dim: Dim, part: usize, count: usize, symbols: &mut Symbols<'_>) -> Option<Dim> {
    match dim {
        dim if count == 1 => Some(dim),
        Dim::Known(extent) => {
            let each = extent.div_ceil(count);
            let begin = part.checked_mul(each)?;
            Some(Dim::Known(extent.saturating_sub(begin).min(each)))
        }
        Dim::Symbol(_) => {
            let numbers = [code(dim)?, i64::try_from(count).ok()?, i64::try_from(part).ok()?];
            symbols.computed("part", numbers.to_vec())
        }
    }
}

/// Tile: every axis repeated.
pub(super) fn tile(call: &Call<'_>, symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let dims = call.dims(0)?;
    let Some(repeats) = call.integers(1).filter(|list| list.values.len() == dims.len()) else {
        return symbols.several(dims.len());
    };
    let repeated = |(dim, repeats): (&Dim, &Integer)| match repeats {
        Integer::Value(repeats) => {
            symbols.multiply(&[*dim, Dim::Known(usize::try_from(*repeats).ok()?)])
        }
        Integer::Extent(symbol) => symbols.multiply(&[*dim, Dim::Symbol(*symbol)]),
        Integer::Unknown => symbols.fresh(),
    };
    dims.iter().zip(&repeats.values).map(repeated).collect()
}

/// Pad: more entries before and behind, or fewer.
pub(super) fn pad(call: &Call<'_>, symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let dims = call.dims(0)?;
    let axes = match call.integers(3) {
        Some(axes) => axes.whole(),
        None if call.has(3) => None,
        None => (0..i64::try_from(dims.len()).ok()?).map(Some).collect(),
    };
    let Some(axes) = axes else { return symbols.several(dims.len()) };
    let pads: Vec<Integer> = match (call.node.ints("pads"), call.integers(1)) {
        (Some(pads), _) => pads.iter().map(|pad| Integer::Value(*pad)).collect(),
        (None, Some(pads)) => pads.values.clone(),
        (None, None) => vec![Integer::Unknown; 2 * axes.len()],
    };
    if pads.len() != 2 * axes.len() {
        return None;
    }
    let (before, after) = pads.split_at(axes.len());
    let mut padded = dims.to_vec();
    for (axis, pads) in axes.iter().zip(before.iter().zip(after)) {
        let dim = padded.get_mut(place(*axis, dims.len())?)?;
        *dim = match pads {
            (Integer::Value(before), Integer::Value(after)) => {
                symbols.moved(*dim, before.checked_add(*after)?)?
            }
            _ => symbols.fresh()?,
        };
    }
    Some(padded)
}

#[cfg(test)]
mod tests {
    use crate::shapes::testing::case;

    #[test]
    fn inputs_are_joined_along_an_axis() {
        let concat = |axis: i64| case("Concat").int("axis", axis);
        assert_eq!(concat(1).input("N 3 H").input("N 5 H").shape(), "N 8 H");
        assert_eq!(concat(-1).input("N 3").input("2 1").input("N 0").shape(), "2 4");
        assert_eq!(concat(0).input("N 3").input("M 3").shape(), "? 3");
        assert_eq!(concat(0).input("0 3").input("N 3").shape(), "N 3");
        assert_eq!(concat(0).unknown().input("2 3").shape(), "? 3");
        assert_eq!(concat(0).input("2").input("2 3").shape(), "unknown");
        assert_eq!(concat(2).input("2 3").shape(), "unknown");
    }

    #[test]
    fn a_value_is_split_into_parts() {
        let split = |dims: &str| case("Split").input(dims).outputs(2).int("axis", 1);
        assert_eq!(split("N 6").shapes(), ["N 3", "N 3"]);
        assert_eq!(split("N 7").int("num_outputs", 2).shapes(), ["N 4", "N 3"]);
        assert_eq!(split("N 6").ints("split", &[2, 4]).shapes(), ["N 2", "N 4"]);
        assert_eq!(split("N 6").integers(&[2, 4]).shapes(), ["N 2", "N 4"]);
        assert_eq!(split("N 6").input("2").shapes(), ["N ?", "N ?"]);
        assert_eq!(split("N C").shapes(), ["N ?", "N ?"]);
        assert_eq!(case("Split").input("N C").outputs(1).shape(), "N C");
    }

    #[test]
    fn axes_are_repeated() {
        assert_eq!(case("Tile").input("N 3").integers(&[1, 4]).shape(), "N 12");
        assert_eq!(case("Tile").input("1 3").numbers("N 2").shape(), "N 6");
        assert_eq!(case("Tile").input("1 3").unknown().shape(), "? ?");
    }

    #[test]
    fn entries_are_added_around_a_value() {
        let pad = |dims: &str| case("Pad").input(dims);
        assert_eq!(pad("N 3").ints("pads", &[0, 1, 0, 2]).shape(), "N 6");
        assert_eq!(pad("N 3").integers(&[0, 1, 1, -2]).shape(), "? 2");
        assert_eq!(pad("N 3 4").integers(&[2, 3]).input("").integers(&[-1]).shape(), "N 3 9");
        assert_eq!(pad("N 3").unknown().shape(), "? ?");
        assert_eq!(pad("N 3").integers(&[0, -4, 0, 0]).shape(), "unknown");
    }
}
