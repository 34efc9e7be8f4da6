//! The numbers of small tensors, such as the extents that Reshape asks for.

mod arithmetic;
mod floats;
mod lists;

use super::call::Call;
use super::generators::part_of_shape;
use super::symbols::Symbols;
use super::{Dim, Floats, Integer, Integers, Value};

/// Returns the numbers of every output of a node, of which the extents are known already.
pub(super) fn of(
    call: &Call<'_>,
    shapes: &[Option<Vec<Dim>>],
    symbols: &mut Symbols<'_>,
) -> Vec<Value> {
    if !call.node.has_standard_op() {
        return Vec::new();
    }
    if call.node.op() == "Split" {
        return lists::split(call, shapes).into_iter().map(|part| integers(call, part)).collect();
    }
    let first = shapes.first().and_then(Option::as_deref);
    let one = match call.node.op() {
        "Cast" => cast(call),
        "Shape" => part_of_shape(call).map(extents).unwrap_or_default(),
        "Size" => size(call, symbols).unwrap_or_default(),
        "ConstantOfShape" => integers(call, lists::filled(call, first)),
        "Range" => integers(call, lists::range(call, first)),
        "Where" => integers(call, arithmetic::choose(call)),
        _ => Value {
            floats: with_floats(call, lists::moved(call, first).or_else(|| floats::of(call))),
            ..integers(call, lists::moved(call, first).or_else(|| arithmetic::of(call, symbols)))
        },
    };
    vec![one]
}

fn integers(call: &Call<'_>, values: Option<Vec<Integer>>) -> Value {
    let integers = values.map(|values| Integers { values, is_constant: all_constant(call) });
    Value { integers, ..Value::default() }
}

fn with_floats(call: &Call<'_>, values: Option<Vec<Option<f32>>>) -> Option<Floats> {
    values.map(|values| Floats { values, is_constant: all_constant(call) })
}

/// Returns whether all inputs are constants.
fn all_constant(call: &Call<'_>) -> bool {
    let mut inputs = (0..call.inputs()).filter(|input| call.has(*input));
    inputs.all(|input| {
        let value = call.value(input);
        value.is_some_and(|value| match (&value.integers, &value.floats) {
            (Some(integers), _) => integers.is_constant,
            (_, Some(floats)) => floats.is_constant,
            _ => false,
        })
    })
}

fn extents(dims: &[Dim]) -> Value {
    let values = dims.iter().map(|dim| Integer::from(*dim)).collect();
    Value { integers: Some(Integers { values, is_constant: false }), ..Value::default() }
}

fn size(call: &Call<'_>, symbols: &mut Symbols<'_>) -> Option<Value> {
    let size = symbols.multiply(call.dims(0)?)?;
    Some(extents(&[size]))
}

/// Numbers as those of another type.
fn cast(call: &Call<'_>) -> Value {
    const FLOAT: i64 = 1;
    const INT32: i64 = 6;
    const INT64: i64 = 7;
    const BOOL: i64 = 9;
    let Some(value) = call.value(0) else { return Value::default() };
    let whole = value.integers.as_ref().map(|integers| integers.values.clone());
    let whole = whole.or_else(|| Some(floats::truncated(&value.floats.as_ref()?.values)));
    let to_int32 = |integer: Integer| match integer {
        Integer::Value(value) if i32::try_from(value).is_err() => Integer::Unknown,
        integer => integer,
    };
    let to_bool = |integer: Integer| match integer {
        Integer::Value(value) => Integer::Value(i64::from(value != 0)),
        _ => Integer::Unknown,
    };
    match call.node.int("to") {
        Some(FLOAT) => {
            let floats = value.floats.as_ref().map(|floats| floats.values.clone());
            let floats = floats.or_else(|| value.integers.as_ref().map(floats::of_integers));
            Value { floats: with_floats(call, floats), ..Value::default() }
        }
        Some(INT64) => integers(call, whole),
        Some(INT32) => integers(call, whole.map(|all| all.into_iter().map(to_int32).collect())),
        Some(BOOL) if value.integers.is_some() => {
            integers(call, whole.map(|all| all.into_iter().map(to_bool).collect()))
        }
        _ => Value::default(),
    }
}

#[cfg(test)]
mod tests {
    use crate::shapes::testing::case;

    #[test]
    fn the_shape_of_a_value_is_a_list() {
        assert_eq!(case("Shape").input("N 3 ?").integers_out(), "N 3 ?");
        assert_eq!(case("Shape").input("N 3 4").int("start", -2).integers_out(), "3 4");
        assert_eq!(case("Size").input("2 3 4").integers_out(), "24");
        assert_eq!(case("Size").input("N").integers_out(), "N");
    }

    #[test]
    fn what_comes_from_a_shape_is_no_constant() {
        assert!(!case("Shape").input("2 3").is_constant());
        assert!(case("Cast").integers(&[2]).int("to", 7).is_constant());
        assert!(case("Concat").integers(&[2]).integers(&[3]).is_constant());
        assert!(!case("Concat").integers(&[2]).numbers("N").is_constant());
        assert!(case("Cast").floats(&[2.0]).int("to", 7).is_constant());
        let back = case("Cast").numbers("N").int("to", 1).then("Cast").int("to", 7);
        assert!(!back.is_constant());
    }

    #[test]
    fn integers_keep_their_values_in_other_types() {
        let cast = |values: &[i64], to: i64| case("Cast").integers(values).int("to", to);
        assert_eq!(cast(&[5, -3], 6).integers_out(), "5 -3");
        assert_eq!(cast(&[5, 1 << 40], 6).integers_out(), "5 ?");
        assert_eq!(cast(&[5, 0], 9).integers_out(), "1 0");
        assert_eq!(cast(&[5], 1).integers_out(), "unknown");
        assert_eq!(cast(&[5], 1).then("Cast").int("to", 7).integers_out(), "5");
        let extent = case("Cast").numbers("N 2").int("to", 1).then("Cast").int("to", 7);
        assert_eq!(extent.integers_out(), "? 2");
    }

    #[test]
    fn integers_keep_their_values_in_other_shapes() {
        let squeezed = case("Squeeze").numbers("N").integers(&[0]);
        assert_eq!((squeezed.shape(), squeezed.integers_out()), (String::new(), "N".into()));
        assert_eq!(case("Unsqueeze").integer(4).integers(&[0]).integers_out(), "4");
        assert_eq!(case("Reshape").numbers("N 3").integers(&[-1]).integers_out(), "N 3");
        assert_eq!(case("Reshape").numbers("N 3").integers(&[2, 1]).integers_out(), "unknown");
    }
}
