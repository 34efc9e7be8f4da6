//! Values that are made from extents and numbers.

use super::call::{Call, place};
use super::symbols::Symbols;
use super::{Dim, Integer};
use crate::limits::MOST_DIMENSIONS;

/// Returns the extents that an input lists. If only their number is known, they are new symbols.
pub(super) fn target(call: &Call<'_>, input: usize, symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let Some(list) = call.integers(input) else {
        return match call.dims(input)? {
            [Dim::Known(rank)] if *rank <= MOST_DIMENSIONS => symbols.several(*rank),
            _ => None,
        };
    };
    let extent = |integer: &Integer| match integer {
        Integer::Value(value) => usize::try_from(*value).ok().map(Dim::Known),
        Integer::Extent(symbol) => Some(Dim::Symbol(*symbol)),
        Integer::Unknown => symbols.fresh(),
    };
    list.values.iter().map(extent).collect()
}

/// `ConstantOfShape`, and other values with the extents of a list.
pub(super) fn filled(call: &Call<'_>, symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    target(call, 0, symbols)
}

/// Random numbers: an attribute has the extents.
pub(super) fn random(call: &Call<'_>, _: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let shape = call.node.ints("shape")?;
    shape.iter().map(|extent| usize::try_from(*extent).ok().map(Dim::Known)).collect()
}

/// Multinomial: samples of every row.
pub(super) fn samples(call: &Call<'_>, _: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let [rows, _] = call.dims(0)? else { return None };
    Some(vec![*rows, Dim::Known(usize::try_from(call.int("sample_size", 1)).ok()?)])
}

/// Shape: as many entries as the input has axes.
pub(super) fn shape(call: &Call<'_>, symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    match part_of_shape(call) {
        Some(dims) => Some(vec![Dim::Known(dims.len())]),
        None => Some(vec![symbols.fresh()?]),
    }
}

/// Returns the extents that Shape returns.
pub(super) fn part_of_shape<'a>(call: &Call<'a>) -> Option<&'a [Dim]> {
    let dims = call.dims(0)?;
    let bound = |name: &str, default: usize| match call.node.int(name) {
        None => default,
        Some(bound) if bound < 0 => place(bound, dims.len()).unwrap_or(0),
        Some(bound) => usize::try_from(bound).unwrap_or(usize::MAX).min(dims.len()),
    };
    let (start, end) = (bound("start", 0), bound("end", dims.len()));
    Some(dims.get(start..end).unwrap_or_default())
}

/// Size: one number.
pub(super) fn size(call: &Call<'_>, _: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    call.has(0).then(Vec::new)
}

/// Range: numbers from one to another.
pub(super) fn range(call: &Call<'_>, symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let number = |input: usize| {
        let integers = call.integers(input)?;
        integers.values.first().copied()
    };
    let counted = match (number(0), number(1), number(2)) {
        (Some(Integer::Value(start)), Some(Integer::Value(limit)), Some(Integer::Value(step))) => {
            count(start, limit, step).map(Dim::Known)
        }
        (Some(Integer::Value(0)), Some(Integer::Extent(limit)), Some(Integer::Value(1))) => {
            Some(Dim::Symbol(limit))
        }
        _ => None,
    };
    Some(vec![counted.or_else(|| symbols.fresh())?])
}

/// Returns the number of integers from one to another, without the other.
fn count(start: i64, limit: i64, step: i64) -> Option<usize> {
    let distance = i128::from(limit) - i128::from(start);
    let step = i128::from(step);
    if step == 0 {
        return None;
    }
    let leads_there = (distance > 0) == (step > 0);
    let steps = distance.unsigned_abs().div_ceil(step.unsigned_abs());
    usize::try_from(if leads_there { steps } else { 0 }).ok()
}

#[cfg(test)]
mod tests {
    use super::count;
    use crate::shapes::testing::case;

    #[test]
    fn the_shape_has_an_entry_for_every_axis() {
        assert_eq!(case("Shape").input("N 3 4").shape(), "3");
        assert_eq!(case("Shape").input("N 3 4").int("start", 1).shape(), "2");
        assert_eq!(case("Shape").input("N 3 4").int("start", -9).int("end", -1).shape(), "2");
        assert_eq!(case("Shape").input("N 3 4").int("start", 2).int("end", 1).shape(), "0");
        assert_eq!(case("Shape").unknown().shape(), "?");
        assert_eq!(case("Size").unknown().shape(), "");
    }

    #[test]
    fn a_list_says_the_extents() {
        assert_eq!(case("ConstantOfShape").integers(&[2, 3]).shape(), "2 3");
        assert_eq!(case("ConstantOfShape").numbers("N 3").shape(), "N 3");
        assert_eq!(case("ConstantOfShape").input("2").shape(), "? ?");
        assert_eq!(case("ConstantOfShape").integers(&[-1]).shape(), "unknown");
        assert_eq!(case("RandomNormal").ints("shape", &[2, 3]).shape(), "2 3");
    }

    #[test]
    fn a_range_is_counted() {
        let range =
            |start, limit, step| case("Range").integer(start).integer(limit).integer(step).shape();
        assert_eq!([range(0, 5, 1), range(0, 5, 2), range(5, 0, -2)], ["5", "3", "3"]);
        assert_eq!([range(0, 0, 1), range(5, 0, 1), range(0, 5, -1)], ["0", "0", "0"]);
        assert_eq!(range(0, 5, 0), "?");
        assert_eq!(count(i64::MIN, i64::MAX, 1), Some(usize::MAX));
        assert_eq!(case("Range").unknown().unknown().unknown().shape(), "?");
    }
}
