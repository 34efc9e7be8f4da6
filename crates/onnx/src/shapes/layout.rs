//! The same entries with other axes.

use super::call::{Call, Listed, place, places};
use super::symbols::Symbols;
use super::{Dim, Integer};

/// Reshape: the second input has the extents. One of them can be what remains.
pub(super) fn reshape(call: &Call<'_>, symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let input = call.dims(0);
    let Some(target) = call.integers(1) else {
        let rank = match call.dims(1)? {
            [Dim::Known(rank)] if *rank <= crate::limits::MOST_DIMENSIONS => *rank,
            _ => return None,
        };
        return symbols.several(rank);
    };
    let copies_zero = call.int("allowzero", 0) == 0;
    let mut dims = Vec::with_capacity(target.values.len());
    for (axis, extent) in target.values.iter().enumerate() {
        dims.push(match extent {
            Integer::Value(0) if copies_zero => input.and_then(|dims| dims.get(axis).copied()),
            Integer::Value(value) => usize::try_from(*value).ok().map(Dim::Known),
            Integer::Extent(symbol) => Some(Dim::Symbol(*symbol)),
            Integer::Unknown => None,
        });
    }
    // With one unknown extent, it is what remains: what −1 asks for, and what a number has to be.
    let known: Vec<Dim> = dims.iter().flatten().copied().collect();
    let rest = || {
        let all = symbols.product(input?)?;
        all.divide(&symbols.product(&known)?)
    };
    let rest = if known.len() + 1 == dims.len() { rest() } else { None };
    let rest = rest.and_then(|rest| symbols.extent(rest));
    dims.into_iter().map(|dim| dim.or(rest).or_else(|| symbols.fresh())).collect()
}

/// Flatten: two axes, of those before an axis and the others.
pub(super) fn flatten(call: &Call<'_>, symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let Some(dims) = call.dims(0) else { return symbols.several(2) };
    let axis = match call.int("axis", 1) {
        // The axis can be behind the last.
        axis if usize::try_from(axis) == Ok(dims.len()) => dims.len(),
        axis => place(axis, dims.len())?,
    };
    let (ahead, rest) = dims.split_at(axis);
    Some(vec![symbols.multiply(ahead)?, symbols.multiply(rest)?])
}

/// Squeeze: without axes of one entry.
pub(super) fn squeeze(call: &Call<'_>, _: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let dims = call.dims(0)?;
    let removed = match call.list("axes", 1) {
        Listed::These(axes) => places(&axes, dims.len())?,
        Listed::Absent if dims.iter().all(|dim| matches!(dim, Dim::Known(_))) => {
            dims.iter().map(|dim| *dim == Dim::Known(1)).collect()
        }
        Listed::Absent | Listed::Unknown => return None,
    };
    let kept = dims.iter().zip(removed).filter(|(_, removed)| !removed);
    Some(kept.map(|(dim, _)| *dim).collect())
}

/// Unsqueeze: with more axes of one entry.
pub(super) fn unsqueeze(call: &Call<'_>, _: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let mut dims = call.dims(0)?.iter();
    let Listed::These(axes) = call.list("axes", 1) else { return None };
    let rank = dims.len().checked_add(axes.len())?;
    if rank > crate::limits::MOST_DIMENSIONS {
        return None;
    }
    let added = places(&axes, rank)?;
    let axis = |added: bool| if added { Some(Dim::Known(1)) } else { dims.next().copied() };
    added.into_iter().map(axis).collect()
}

/// Transpose: the axes in another order.
pub(super) fn transpose(call: &Call<'_>, _: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let dims = call.dims(0)?;
    let Some(order) = call.node.ints("perm") else {
        return Some(dims.iter().rev().copied().collect());
    };
    if order.len() != dims.len() || places(order, dims.len()).is_none() {
        return None;
    }
    order.iter().map(|axis| Some(dims[place(*axis, dims.len())?])).collect()
}

/// `DepthToSpace` and `SpaceToDepth`: between channels and positions.
pub(super) fn blocks(call: &Call<'_>, symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let [batch, channels, height, width] = call.dims(0)? else { return None };
    let side = Dim::Known(usize::try_from(call.node.int("blocksize")?).ok()?);
    let area = symbols.multiply(&[side, side])?;
    let dims = if call.node.op() == "DepthToSpace" {
        let channels = symbols.divide(*channels, area)?;
        [channels, symbols.multiply(&[*height, side])?, symbols.multiply(&[*width, side])?]
    } else {
        let channels = symbols.multiply(&[*channels, area])?;
        [channels, symbols.divide(*height, side)?, symbols.divide(*width, side)?]
    };
    Some([&[*batch], &dims[..]].concat())
}

#[cfg(test)]
mod tests {
    use crate::shapes::testing::case;

    #[test]
    fn a_value_is_reshaped_to_numbers() {
        let reshape = |dims: &str, to: &[i64]| case("Reshape").input(dims).integers(to).shape();
        assert_eq!(reshape("2 3 4", &[6, 4]), "6 4");
        assert_eq!(reshape("2 3 4", &[4, -1]), "4 6");
        assert_eq!(reshape("N 3 4", &[0, 0, 2, 2]), "N 3 2 2");
        assert_eq!(reshape("N 3 4", &[0, -1]), "N 12");
        assert_eq!(reshape("N 3 4", &[-1, 4]), "? 4");
        assert_eq!(reshape("2 3 4", &[7, -1]), "7 ?");
        let empty = case("Reshape").input("0 3").integers(&[3, 0]).int("allowzero", 1);
        assert_eq!(empty.shape(), "3 0");
    }

    #[test]
    fn symbols_cancel_in_what_remains() {
        let reshape = |dims: &str, to: &str| case("Reshape").input(dims).numbers(to).shape();
        assert_eq!(reshape("N C H W", "N -1"), "N ?");
        assert_eq!(reshape("N 3 8 8", "N -1"), "N 192");
        assert_eq!(reshape("N 3 H W", "N H -1 3"), "N H W 3");
        assert_eq!(reshape("N 64", "-1 8 8"), "N 8 8");
        assert_eq!(reshape("N 64", "M -1"), "M ?");
        // An unknown number that is not −1 is what remains, too.
        assert_eq!(reshape("N 64", "N ? 8"), "N 8 8");
    }

    #[test]
    fn a_symbol_that_is_a_product_is_divided_again() {
        // N 49 8 → 7N 56 → 7 N 56
        let case = case("Reshape").input("N 49 8").integers(&[-1, 56]);
        let more = case.then("Reshape").integers(&[7, -1, 56]);
        assert_eq!(more.shape(), "7 N 56");
    }

    #[test]
    fn the_length_of_an_unknown_target_is_the_rank() {
        assert_eq!(case("Reshape").input("N 64").input("3").shape(), "? ? ?");
        assert_eq!(case("Reshape").input("N 64").input("K").shape(), "unknown");
        assert_eq!(case("Reshape").input("N 64").input("9999999").shape(), "unknown");
    }

    #[test]
    fn axes_are_flattened() {
        assert_eq!(case("Flatten").input("N 3 4 5").shape(), "N 60");
        assert_eq!(case("Flatten").input("2 3 4 N").int("axis", -2).shape(), "6 ?");
        assert_eq!(case("Flatten").input("2 3").int("axis", 2).shape(), "6 1");
        assert_eq!(case("Flatten").input("2 3").int("axis", 3).shape(), "unknown");
        assert_eq!(case("Flatten").unknown().shape(), "? ?");
    }

    #[test]
    fn axes_of_one_entry_come_and_go() {
        assert_eq!(case("Squeeze").input("N 1 3 1").ints("axes", &[1, -1]).shape(), "N 3");
        assert_eq!(case("Squeeze").input("N 1 3 1").integers(&[3]).shape(), "N 1 3");
        assert_eq!(case("Squeeze").input("2 1 3 1").shape(), "2 3");
        assert_eq!(case("Squeeze").input("N 1").shape(), "unknown");
        assert_eq!(case("Unsqueeze").input("N 3").ints("axes", &[0, -1]).shape(), "1 N 3 1");
        assert_eq!(case("Unsqueeze").input("N 3").integers(&[1]).shape(), "N 1 3");
        assert_eq!(case("Unsqueeze").input("N 3").integers(&[1, 1]).shape(), "unknown");
        assert_eq!(case("Unsqueeze").input("N 3").integers(&[i64::MIN]).shape(), "unknown");
    }

    #[test]
    fn axes_change_their_order() {
        assert_eq!(case("Transpose").input("N 3 4").shape(), "4 3 N");
        assert_eq!(case("Transpose").input("N 3 4").ints("perm", &[0, 2, 1]).shape(), "N 4 3");
        assert_eq!(case("Transpose").input("N 3 4").ints("perm", &[0, 2, 2]).shape(), "unknown");
        assert_eq!(case("Transpose").input("N 3 4").ints("perm", &[0, 1]).shape(), "unknown");
    }

    #[test]
    fn channels_become_positions() {
        let case = |op: &str, dims: &str| case(op).input(dims).int("blocksize", 2).shape();
        assert_eq!(case("DepthToSpace", "N 12 4 5"), "N 3 8 10");
        assert_eq!(case("SpaceToDepth", "N 3 8 10"), "N 12 4 5");
    }
}
