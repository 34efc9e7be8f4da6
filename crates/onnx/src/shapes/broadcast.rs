//! Operations that work element by element, whose inputs are repeated along axes where they have one entry.

use super::Dim;
use super::call::Call;
use super::generators::target;
use super::symbols::{Symbols, code};

/// The extents of the first input.
pub(super) fn same(call: &Call<'_>, _: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    call.dims(0).map(<[Dim]>::to_vec)
}

/// An operation on any number of inputs.
pub(super) fn all(call: &Call<'_>, symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let mut dims = call.dims(0)?.to_vec();
    for input in 1..call.inputs() {
        dims = both(&dims, call.dims(input)?, symbols)?;
    }
    Some(dims)
}

/// An operation on two quantised inputs, each with its scale and its zero point.
pub(super) fn quantised(call: &Call<'_>, symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    both(call.dims(0)?, call.dims(3)?, symbols)
}

/// Expand: the second input has the extents.
pub(super) fn expand(call: &Call<'_>, symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let to = target(call, 1, symbols)?;
    both(call.dims(0)?, &to, symbols)
}

/// Returns the extents of two values that are repeated to fit each other.
pub(super) fn both(one: &[Dim], other: &[Dim], symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let (long, short) = if one.len() < other.len() { (other, one) } else { (one, other) };
    let (ahead, rest) = long.split_at(long.len() - short.len());
    let mut dims = ahead.to_vec();
    for (one, other) in rest.iter().zip(short) {
        dims.push(fit(*one, *other, symbols)?);
    }
    Some(dims)
}

/// Returns the extent of two that fit each other: they are equal, or one of them is 1.
fn fit(one: Dim, other: Dim, symbols: &mut Symbols<'_>) -> Option<Dim> {
    match (one, other) {
        (Dim::Known(1), dim) | (dim, Dim::Known(1)) => Some(dim),
        (one, other) if one == other => Some(one),
        (Dim::Known(_), Dim::Known(_)) => None,
        // The symbol is this number or 1.
        (known @ Dim::Known(_), _) | (_, known @ Dim::Known(_)) => Some(known),
        _ => {
            let (one, other) = (one.min(other), one.max(other));
            symbols.computed("fit", vec![code(one)?, code(other)?])
        }
    }
}

/// Returns the one extent that several extents, which are equal, have: a number if one of them is known.
pub(super) fn equal(dims: impl IntoIterator<Item = Dim>) -> Option<Dim> {
    // A known extent is less than a symbol.
    dims.into_iter().min()
}

#[cfg(test)]
mod tests {
    use crate::shapes::testing::case;

    #[test]
    fn inputs_are_repeated_along_axes_of_one_entry() {
        let add = |one: &str, other: &str| case("Add").input(one).input(other).shape();
        assert_eq!(add("2 3 4", "3 1"), "2 3 4");
        assert_eq!(add("4", "2 1"), "2 4");
        assert_eq!(add("", "2 1"), "2 1");
        assert_eq!(add("0 3", "1 3"), "0 3");
        assert_eq!(add("2 3", "2 4"), "unknown");
    }

    #[test]
    fn a_symbol_beside_one_is_the_symbol_and_beside_more_the_number() {
        let add = |one: &str, other: &str| case("Add").input(one).input(other).shape();
        assert_eq!(add("N 3", "1 3"), "N 3");
        assert_eq!(add("N 3", "5 3"), "5 3");
        assert_eq!(add("N M", "N M"), "N M");
        assert_eq!(add("N 3", "M 3"), "? 3");
    }

    #[test]
    fn more_than_two_inputs_are_repeated() {
        assert_eq!(case("Sum").input("3 1").input("1 4").input("2 1 1").shape(), "2 3 4");
        assert_eq!(case("Where").input("N 1").input("1 4").input("").shape(), "N 4");
        assert_eq!(case("Where").input("N 1").input("1 4").unknown().shape(), "unknown");
    }

    #[test]
    fn one_input_keeps_its_extents() {
        assert_eq!(case("Relu").input("N 3 8").shape(), "N 3 8");
        assert_eq!(case("Clip").input("N 3 8").input("").input("").shape(), "N 3 8");
        assert_eq!(case("PRelu").input("N 3 8").input("3 1").shape(), "N 3 8");
        assert_eq!(case("Dropout").input("N 3").outputs(2).shapes(), ["N 3", "N 3"]);
        assert_eq!(case("Gelu").domain("com.microsoft").input("N 3").shape(), "N 3");
        assert_eq!(case("Relu").domain("elsewhere").input("N 3").shape(), "unknown");
    }

    #[test]
    fn quantised_inputs_are_repeated() {
        let add = case("QLinearAdd").domain("com.microsoft").input("N 3 8").input("").input("");
        assert_eq!(add.input("3 1").input("").input("").input("").input("").shape(), "N 3 8");
    }

    #[test]
    fn a_value_expands_to_extents() {
        assert_eq!(case("Expand").input("3 1").integers(&[2, 1, 6]).shape(), "2 3 6");
        assert_eq!(case("Expand").input("N 1").numbers("M 1 6").shape(), "M N 6");
        // Known is only that there are three.
        assert_eq!(case("Expand").input("3 1").input("3").shape(), "? 3 ?");
    }
}
