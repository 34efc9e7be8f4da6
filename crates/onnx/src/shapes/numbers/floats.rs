//! Arithmetic with 32-bit floats, such as the scales of Resize.

use super::lists::pairs;
use crate::shapes::call::Call;
use crate::shapes::{Integer, Integers};

/// Returns the floats of an arithmetic operation.
pub(super) fn of(call: &Call<'_>) -> Option<Vec<Option<f32>>> {
    let operation: fn(f32, f32) -> f32 = match call.node.op() {
        "Add" => |one, other| one + other,
        "Sub" => |one, other| one - other,
        "Mul" => |one, other| one * other,
        "Div" => |one, other| one / other,
        "Floor" => return each(call, f32::floor),
        "Ceil" => return each(call, f32::ceil),
        _ => return None,
    };
    pairs(call.floats(0)?, call.floats(1)?, |one, other| Some(operation(one?, other?)))
}

fn each(call: &Call<'_>, operation: fn(f32) -> f32) -> Option<Vec<Option<f32>>> {
    Some(call.floats(0)?.iter().map(|value| value.map(operation)).collect())
}

/// Returns integers as floats. An extent is unknown.
pub(super) fn of_integers(integers: &Integers) -> Vec<Option<f32>> {
    let float = |integer: &Integer| match integer {
        Integer::Value(value) => Some(*value as f32),
        _ => None,
    };
    integers.values.iter().map(float).collect()
}

/// Returns floats as integers, rounded to zero.
pub(super) fn truncated(floats: &[Option<f32>]) -> Vec<Integer> {
    const LARGEST: f32 = (1_i64 << 31) as f32;
    let integer = |float: &Option<f32>| match float {
        Some(float) if float.abs() < LARGEST => Integer::Value(*float as i64),
        _ => Integer::Unknown,
    };
    floats.iter().map(integer).collect()
}

#[cfg(test)]
mod tests {
    use crate::shapes::testing::{Case, case};

    fn truncated(case: Case) -> String {
        case.then("Cast").int("to", 7).integers_out()
    }

    #[test]
    fn floats_are_computed() {
        let of = |op: &str| case(op).floats(&[7.0, -7.0]).floats(&[2.0]);
        assert_eq!([truncated(of("Add")), truncated(of("Sub"))], ["9 -5", "5 -9"]);
        assert_eq!([truncated(of("Mul")), truncated(of("Div"))], ["14 -14", "3 -3"]);
        let rounded = |op: &str| of("Div").then(op);
        assert_eq!([truncated(rounded("Floor")), truncated(rounded("Ceil"))], ["3 -4", "4 -3"]);
        assert_eq!(truncated(case("Div").floats(&[1.0, 1e20]).floats(&[0.0, 1.0])), "? ?");
    }

    #[test]
    fn scales_that_are_computed_resize() {
        // The quotient of the wanted and the present extents, as older exporters write it.
        let scales = case("Cast").numbers("8 H").int("to", 1).then("Div").floats(&[4.0, 4.0]);
        assert_eq!(scales.then("Upsample").first_input("4 7").shape(), "8 ?");
    }
}
