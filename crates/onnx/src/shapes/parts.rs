//! Entries that are chosen by their place or by their value.

use super::call::{Call, place};
use super::symbols::Symbols;
use super::{Dim, Integer, Integers};

/// Gather: for every place, what is there along an axis.
pub(super) fn gather(call: &Call<'_>, _: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let (dims, places) = (call.dims(0)?, call.dims(1)?);
    let axis = call.axis(0, dims.len())?;
    Some([&dims[..axis], places, &dims[axis + 1..]].concat())
}

/// `GatherElements`: an entry for every place.
pub(super) fn gather_elements(call: &Call<'_>, _: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    call.dims(1).map(<[Dim]>::to_vec)
}

/// `GatherND`: for every list of places, what is there along the first axes.
pub(super) fn gather_many(call: &Call<'_>, _: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let dims = call.dims(0)?;
    let [ahead @ .., Dim::Known(places)] = call.dims(1)? else { return None };
    let batch = usize::try_from(call.int("batch_dims", 0)).ok()?;
    let rest = dims.get(batch.checked_add(*places)?..)?;
    Some([ahead, rest].concat())
}

/// `TopK`: the largest along an axis, and where they are.
pub(super) fn top(call: &Call<'_>, symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let mut dims = call.dims(0)?.to_vec();
    let axis = call.axis(-1, dims.len())?;
    dims[axis] = match call.node.int("k") {
        Some(count) => Dim::Known(usize::try_from(count).ok()?),
        None => extent(first_integer(call, 1), symbols)?,
    };
    Some(dims)
}

/// `OneHot`: an axis with an entry for every class.
pub(super) fn one_hot(call: &Call<'_>, symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let mut dims = call.dims(0)?.to_vec();
    let classes = extent(first_integer(call, 1), symbols)?;
    let axis = call.axis(-1, dims.len() + 1)?;
    dims.insert(axis, classes);
    Some(dims)
}

fn first_integer(call: &Call<'_>, input: usize) -> Option<Integer> {
    call.integers(input)?.values.first().copied()
}

/// Returns an extent that is an integer of an input.
fn extent(integer: Option<Integer>, symbols: &mut Symbols<'_>) -> Option<Dim> {
    match integer {
        Some(Integer::Value(value)) => usize::try_from(value).ok().map(Dim::Known),
        Some(Integer::Extent(symbol)) => Some(Dim::Symbol(symbol)),
        _ => symbols.fresh(),
    }
}

/// `NonZero`: the places of all entries that are not zero, an axis a row.
pub(super) fn non_zero(call: &Call<'_>, symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let rank = Dim::Known(call.dims(0)?.len());
    let count = call.integers(0).and_then(Integers::whole);
    let count = count.map(|all| Dim::Known(all.iter().filter(|value| **value != 0).count()));
    Some(vec![rank, count.or_else(|| symbols.fresh())?])
}

/// Compress and Unique: some entries along an axis, or some of all entries.
pub(super) fn some(call: &Call<'_>, symbols: &mut Symbols<'_>) -> Vec<Option<Vec<Dim>>> {
    let count = symbols.fresh();
    let some = || {
        let Some(axis) = call.node.int("axis") else { return Some(vec![count?]) };
        let mut dims = call.dims(0)?.to_vec();
        let axis = place(axis, dims.len())?;
        dims[axis] = count?;
        Some(dims)
    };
    // The places of the first entries, of all entries among the others, and the counts.
    let list = |dim: Option<Dim>| dim.map(|dim| vec![dim]);
    let all = [some(), list(count), list(symbols.fresh()), list(count)];
    all.into_iter().take(call.outputs()).collect()
}

/// `NonMaxSuppression`: an image, a class and a box for every one that is kept.
pub(super) fn kept_boxes(_: &Call<'_>, symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    Some(vec![symbols.fresh()?, Dim::Known(3)])
}

/// `GridSample`: the places of the second input, read between the entries of the first.
pub(super) fn sampled(call: &Call<'_>, _: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let [batch, channels, ..] = call.dims(0)? else { return None };
    let [_, places @ .., _] = call.dims(1)? else { return None };
    Some([&[*batch, *channels], places].concat())
}

#[cfg(test)]
mod tests {
    use crate::shapes::testing::case;

    #[test]
    fn entries_are_gathered_by_their_place() {
        let gather = |dims: &str, places: &str| case("Gather").input(dims).input(places);
        assert_eq!(gather("50 12", "N T").shape(), "N T 12");
        assert_eq!(gather("N 50 12", "").int("axis", 1).shape(), "N 12");
        assert_eq!(gather("N 50 12", "3").int("axis", -1).shape(), "N 50 3");
        assert_eq!(gather("N 50 12", "3").int("axis", 3).shape(), "unknown");
        assert_eq!(case("GatherElements").input("N 50").input("N 4").shape(), "N 4");
    }

    #[test]
    fn lists_of_places_gather_the_other_axes() {
        let gather = |dims: &str, places: &str| case("GatherND").input(dims).input(places);
        assert_eq!(gather("2 3 4", "N 2").shape(), "N 4");
        assert_eq!(gather("2 3 4", "2 N 1").int("batch_dims", 1).shape(), "2 N 4");
        assert_eq!(gather("2 3 4", "N 4").shape(), "unknown");
        assert_eq!(gather("2 3 4", "N M").shape(), "unknown");
    }

    #[test]
    fn the_largest_are_as_many_as_asked_for() {
        let top = |dims: &str| case("TopK").input(dims).outputs(2);
        assert_eq!(top("N 50").integers(&[3]).shapes(), ["N 3", "N 3"]);
        assert_eq!(top("N 50").int("k", 3).int("axis", 0).shapes(), ["3 50", "3 50"]);
        assert_eq!(top("N 50").input("1").shapes(), ["N ?", "N ?"]);
    }

    #[test]
    fn every_class_has_an_entry() {
        assert_eq!(case("OneHot").input("N T").integers(&[5]).input("2").shape(), "N T 5");
        assert_eq!(case("OneHot").input("N").integer(5).input("2").int("axis", 0).shape(), "5 N");
        assert_eq!(case("OneHot").input("N").unknown().input("2").shape(), "N ?");
    }

    #[test]
    fn how_many_have_a_value_is_unknown() {
        assert_eq!(case("NonZero").input("N 3 4").shape(), "3 ?");
        assert_eq!(case("NonZero").integers(&[5, 0, 2]).shape(), "1 2");
        assert_eq!(case("Compress").input("N 3").input("N").int("axis", 0).shape(), "? 3");
        assert_eq!(case("Compress").input("N 3").input("N").shape(), "?");
        assert_eq!(case("Unique").input("N 3").outputs(4).shapes(), ["?", "?", "?", "?"]);
        assert_eq!(case("NonMaxSuppression").input("1 N 4").shape(), "? 3");
    }

    #[test]
    fn a_grid_says_the_positions() {
        assert_eq!(case("GridSample").input("N 3 8 8").input("N H W 2").shape(), "N 3 H W");
    }
}
