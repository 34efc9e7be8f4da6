//! Arithmetic with integers that are numbers or extents.

use super::lists::{Number, pairs};
use crate::shapes::call::Call;
use crate::shapes::symbols::Symbols;
use crate::shapes::{Dim, Integer};

/// The most terms of a sum.
const MOST_TERMS: usize = 64;

type Binary = fn(Integer, Integer, &mut Symbols<'_>) -> Option<Integer>;

/// Returns the integers of an arithmetic operation.
pub(super) fn of(call: &Call<'_>, symbols: &mut Symbols<'_>) -> Option<Vec<Integer>> {
    let operation: Binary = match call.node.op() {
        "Add" | "Sum" => add,
        "Sub" => subtract,
        "Mul" => multiply,
        "Div" => divide,
        "Mod" => remainder,
        "Max" => largest,
        "Min" => smallest,
        "Equal" => |one, other, _| equal(one, other).map(truth),
        "Less" => |one, other, _| less(one, other).map(truth),
        "Greater" => |one, other, _| less(other, one).map(truth),
        "LessOrEqual" => |one, other, _| less(other, one).map(|less| truth(!less)),
        "GreaterOrEqual" => |one, other, _| less(one, other).map(|less| truth(!less)),
        "And" => |one, other, _| both(one, other, |one, other| Some(one.min(other))),
        "Or" => |one, other, _| both(one, other, |one, other| Some(one.max(other))),
        "Neg" | "Abs" | "Not" => return each(call),
        "ReduceSum" => return reduce(call, add, symbols),
        "ReduceProd" => return reduce(call, multiply, symbols),
        "ReduceMax" => return reduce(call, largest, symbols),
        "ReduceMin" => return reduce(call, smallest, symbols),
        _ => return None,
    };
    if call.inputs() > MOST_TERMS {
        return None;
    }
    let mut values = Integer::of(call, 0)?.to_vec();
    for input in 1..call.inputs() {
        let applied = |one, other| operation(one, other, symbols).unwrap_or(Integer::Unknown);
        values = pairs(&values, Integer::of(call, input)?, applied)?;
    }
    Some(values)
}

/// Where: one of two, by a condition.
pub(super) fn choose(call: &Call<'_>) -> Option<Vec<Integer>> {
    let [condition, yes, no] = [0, 1, 2].map(|input| Integer::of(call, input));
    let (condition, yes, no) = (condition?, yes?, no?);
    let length = [condition, yes, no].into_iter().map(<[Integer]>::len).max()?;
    let at = |list: &[Integer], place: usize| match list {
        [one] => Some(*one),
        list => list.get(place).copied().filter(|_| list.len() == length),
    };
    let value = |place: usize| {
        let (yes, no) = (at(yes, place)?, at(no, place)?);
        Some(match at(condition, place)? {
            Integer::Value(0) => no,
            Integer::Value(_) => yes,
            _ if yes == no => yes,
            _ => Integer::Unknown,
        })
    };
    (0..length).map(value).collect()
}

fn each(call: &Call<'_>) -> Option<Vec<Integer>> {
    let changed = |value: &Integer| match (*value, call.node.op()) {
        (Integer::Value(value), "Neg") => value.checked_neg().map(Integer::Value),
        (Integer::Value(value), "Abs") => value.checked_abs().map(Integer::Value),
        (Integer::Value(value), "Not") => Some(truth(value == 0)),
        (extent @ Integer::Extent(_), "Abs") => Some(extent),
        _ => None,
    };
    let values = Integer::of(call, 0)?.iter();
    Some(values.map(|value| changed(value).unwrap_or(Integer::Unknown)).collect())
}

/// Applies an operation to all entries of a list.
fn reduce(call: &Call<'_>, operation: Binary, symbols: &mut Symbols<'_>) -> Option<Vec<Integer>> {
    let mut values = call.integers(0)?.values.iter().copied();
    let first = values.next()?;
    // Without axes, the list can stay as it is.
    if call.int("noop_with_empty_axes", 0) != 0 {
        return None;
    }
    let result = values.try_fold(first, |all, value| operation(all, value, symbols));
    Some(vec![result.unwrap_or(Integer::Unknown)])
}

/// Returns an integer as an extent, unless it is negative.
fn extent(integer: Integer) -> Option<Dim> {
    match integer {
        Integer::Value(value) => usize::try_from(value).ok().map(Dim::Known),
        Integer::Extent(symbol) => Some(Dim::Symbol(symbol)),
        Integer::Unknown => None,
    }
}

fn both(one: Integer, other: Integer, of: fn(i64, i64) -> Option<i64>) -> Option<Integer> {
    match (one, other) {
        (Integer::Value(one), Integer::Value(other)) => of(one, other).map(Integer::Value),
        _ => None,
    }
}

fn truth(is_true: bool) -> Integer {
    Integer::Value(i64::from(is_true))
}

fn add(one: Integer, other: Integer, symbols: &mut Symbols<'_>) -> Option<Integer> {
    both(one, other, i64::checked_add)
        .or_else(|| symbols.sum(&[extent(one)?, extent(other)?]).map(Integer::from))
}

fn subtract(one: Integer, other: Integer, _: &mut Symbols<'_>) -> Option<Integer> {
    match (one, other) {
        (one, Integer::Value(0)) => Some(one),
        (Integer::Extent(one), Integer::Extent(other)) if one == other => Some(Integer::Value(0)),
        _ => both(one, other, i64::checked_sub),
    }
}

fn multiply(one: Integer, other: Integer, symbols: &mut Symbols<'_>) -> Option<Integer> {
    both(one, other, i64::checked_mul)
        .or_else(|| symbols.multiply(&[extent(one)?, extent(other)?]).map(Integer::from))
}

fn divide(one: Integer, other: Integer, symbols: &mut Symbols<'_>) -> Option<Integer> {
    both(one, other, i64::checked_div)
        .or_else(|| symbols.divide(extent(one)?, extent(other)?).map(Integer::from))
}

/// The remainder has the sign of the divisor.
fn remainder(one: Integer, other: Integer, symbols: &mut Symbols<'_>) -> Option<Integer> {
    let of_numbers = both(one, other, |one, other| {
        let remainder = one.checked_rem(other)?;
        let other_side = remainder != 0 && (remainder < 0) != (other < 0);
        remainder.checked_add(if other_side { other } else { 0 })
    });
    of_numbers.or_else(|| {
        let (one, other) = (symbols.product(&[extent(one)?])?, symbols.product(&[extent(other)?])?);
        one.divide(&other).map(|_| Integer::Value(0))
    })
}

fn largest(one: Integer, other: Integer, _: &mut Symbols<'_>) -> Option<Integer> {
    Some(if less(one, other)? { other } else { one })
}

fn smallest(one: Integer, other: Integer, _: &mut Symbols<'_>) -> Option<Integer> {
    Some(if less(other, one)? { other } else { one })
}

fn equal(one: Integer, other: Integer) -> Option<bool> {
    match (one, other) {
        (Integer::Value(one), Integer::Value(other)) => Some(one == other),
        (Integer::Extent(one), Integer::Extent(other)) if one == other => Some(true),
        (Integer::Extent(_), Integer::Value(value))
        | (Integer::Value(value), Integer::Extent(_)) => (value < 0).then_some(false),
        _ => None,
    }
}

fn less(one: Integer, other: Integer) -> Option<bool> {
    match (one, other) {
        (Integer::Value(one), Integer::Value(other)) => Some(one < other),
        (Integer::Extent(one), Integer::Extent(other)) if one == other => Some(false),
        // An extent is not negative.
        (Integer::Extent(_), Integer::Value(value)) => (value <= 0).then_some(false),
        (Integer::Value(value), Integer::Extent(_)) => (value < 0).then_some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::shapes::testing::case;

    fn of(op: &str, one: &str, other: &str) -> String {
        case(op).numbers(one).numbers(other).integers_out()
    }

    #[test]
    fn numbers_are_computed() {
        assert_eq!(of("Add", "2 3", "5"), "7 8");
        assert_eq!(of("Sub", "5", "2 7"), "3 -2");
        assert_eq!(of("Mul", "2 3", "4 5"), "8 15");
        assert_eq!([of("Div", "7", "2"), of("Div", "-7", "2")], ["3", "-3"]);
        assert_eq!([of("Mod", "7", "-3"), of("Mod", "-7", "3")], ["-2", "2"]);
        assert_eq!(of("Add", "2 3", "1 2 3"), "unknown");
    }

    #[test]
    fn numbers_that_are_too_large_are_unknown() {
        let large = i64::MAX.to_string();
        assert_eq!([of("Add", &large, "1"), of("Mul", &large, "2")], ["?", "?"]);
        assert_eq!([of("Div", "1", "0"), of("Mod", "1", "0")], ["?", "?"]);
        assert_eq!(of("Div", &i64::MIN.to_string(), "-1"), "?");
        assert_eq!(case("Neg").integers(&[3, i64::MIN]).integers_out(), "-3 ?");
    }

    #[test]
    fn extents_stay_extents_where_they_can() {
        assert_eq!(
            [of("Add", "N", "0"), of("Sub", "N", "0"), of("Sub", "N", "N")],
            ["N", "N", "0"]
        );
        assert_eq!(
            [of("Mul", "N", "1"), of("Mul", "0", "N"), of("Div", "N", "1")],
            ["N", "0", "N"]
        );
        assert_eq!([of("Div", "N", "N"), of("Mod", "N", "N")], ["1", "0"]);
        assert_eq!(
            [of("Sub", "N", "M"), of("Add", "N", "-1"), of("Mod", "N", "2")],
            ["?", "?", "?"]
        );
        let product = case("Mul").numbers("N").numbers("6").then("Div").integers(&[6]);
        assert_eq!(product.integers_out(), "N");
    }

    #[test]
    fn comparisons_know_that_extents_are_not_negative() {
        assert_eq!(
            [of("Equal", "N", "-1"), of("Equal", "N", "N"), of("Equal", "N", "1")],
            ["0", "1", "?"]
        );
        assert_eq!([of("Less", "N", "0"), of("GreaterOrEqual", "N", "0")], ["0", "1"]);
        assert_eq!(
            [of("Less", "2", "3"), of("Greater", "2", "3"), of("LessOrEqual", "3", "3")],
            ["1", "0", "1"]
        );
        assert_eq!(
            [of("Max", "N", "0"), of("Min", "4", "3"), of("Max", "N", "3")],
            ["N", "3", "?"]
        );
        assert_eq!(case("Not").integers(&[1, 0]).integers_out(), "0 1");
    }

    #[test]
    fn one_of_two_is_chosen() {
        let choose = |condition: &str| case("Where").numbers(condition).numbers("N 3").numbers("7");
        assert_eq!(choose("1 0").integers_out(), "N 7");
        assert_eq!(choose("? 1").integers_out(), "? 3");
        assert_eq!(choose("1 0 1").integers_out(), "unknown");
    }

    #[test]
    fn lists_are_reduced() {
        let reduce = |op: &str| case(op).integers(&[2, 3, 4]).int("keepdims", 0);
        assert_eq!(reduce("ReduceProd").integers_out(), "24");
        assert_eq!(reduce("ReduceSum").shape(), "");
        assert_eq!(
            [reduce("ReduceMax"), reduce("ReduceMin")].map(|c| c.integers_out()),
            ["4", "2"]
        );
        assert_eq!(case("ReduceProd").numbers("N ?").integers_out(), "?");
    }
}
