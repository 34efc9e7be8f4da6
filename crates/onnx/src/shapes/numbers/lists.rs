//! Numbers in another order, joined, and parts of them.

use crate::shapes::call::{Call, place};
use crate::shapes::constants::integers_of;
use crate::shapes::scopes::MOST_INTEGERS;
use crate::shapes::slices::Ranges;
use crate::shapes::{Dim, Integer};

/// A number that may be unknown.
pub(super) trait Number: Copy {
    const UNKNOWN: Self;

    /// Returns the numbers of an input, with any number of axes.
    fn of<'a>(call: &Call<'a>, input: usize) -> Option<&'a [Self]>;
}

impl Number for Integer {
    const UNKNOWN: Self = Self::Unknown;

    fn of<'a>(call: &Call<'a>, input: usize) -> Option<&'a [Self]> {
        call.value(input)?.integers.as_ref().map(|integers| integers.values.as_slice())
    }
}

impl Number for Option<f32> {
    const UNKNOWN: Self = None;

    fn of<'a>(call: &Call<'a>, input: usize) -> Option<&'a [Self]> {
        call.floats(input)
    }
}

/// Returns the numbers of an operation that moves them.
pub(super) fn moved<T: Number>(call: &Call<'_>, shape: Option<&[Dim]>) -> Option<Vec<T>> {
    match call.node.op() {
        "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" => T::of(call, 0).map(<[T]>::to_vec),
        "Concat" => concat(call),
        "Expand" | "Tile" => repeated(call, shape),
        "Gather" => gather(call),
        "Slice" => slice(call),
        "Transpose" => transpose(call),
        _ => None,
    }
}

/// One of the numbers, or some.
fn gather<T: Number>(call: &Call<'_>) -> Option<Vec<T>> {
    let (list, places) = (T::of(call, 0)?, Integer::of(call, 1)?);
    let [_] = call.dims(0)? else { return None };
    let entry = |at: &Integer| match at {
        Integer::Value(at) => place(*at, list.len()).map(|at| list[at]),
        _ => Some(T::UNKNOWN),
    };
    places.iter().map(entry).collect()
}

/// An axis of a tensor: its entries, and from one entry to the next.
#[derive(Clone, Copy)]
struct Axis {
    count: usize,
    step: i64,
}

/// Returns the axes of a small tensor.
fn axes(dims: &[Dim]) -> Option<Vec<Axis>> {
    let mut step = 1_i64;
    let mut axes = Vec::with_capacity(dims.len());
    for dim in dims.iter().rev() {
        let Dim::Known(count) = *dim else { return None };
        axes.push(Axis { count, step });
        step = step.checked_mul(i64::try_from(count).ok()?)?;
    }
    axes.reverse();
    Some(axes)
}

/// Returns the numbers at places that the axes lead to.
fn walk<T: Number>(list: &[T], begin: i64, axes: &[Axis]) -> Option<Vec<T>> {
    let count = axes.iter().try_fold(1_usize, |all, axis| all.checked_mul(axis.count))?;
    if count > MOST_INTEGERS {
        return None;
    }
    let mut places = vec![begin];
    for axis in axes.iter().filter(|_| count > 0) {
        let steps = 0..i64::try_from(axis.count).ok()?;
        let next = |place: i64| steps.clone().map(move |step| place + step * axis.step);
        places = places.into_iter().flat_map(next).collect();
    }
    places.truncate(count);
    places.iter().map(|at| list.get(usize::try_from(*at).ok()?).copied()).collect()
}

/// A range of the numbers along some axes.
fn slice<T: Number>(call: &Call<'_>) -> Option<Vec<T>> {
    let mut axes = axes(call.dims(0)?)?;
    let Ranges(ranges) = Ranges::of(call, axes.len())?;
    let mut begin = 0_i64;
    for (at, range) in ranges {
        let axis = axes.get_mut(at)?;
        let (start, count, step) = range.entries(axis.count)?;
        begin = begin.checked_add(start.checked_mul(axis.step)?)?;
        // The step leads nowhere if there is one entry.
        let step = if count > 1 { step } else { 0 };
        *axis = Axis { count, step: axis.step.checked_mul(step)? };
    }
    walk(T::of(call, 0)?, begin, &axes)
}

/// The numbers along the axes in another order.
fn transpose<T: Number>(call: &Call<'_>) -> Option<Vec<T>> {
    let axes = axes(call.dims(0)?)?;
    let moved: Vec<Axis> = match call.node.ints("perm") {
        Some(order) => {
            let axis = |at: &i64| place(*at, axes.len()).map(|at| axes[at]);
            order.iter().map(axis).collect::<Option<_>>()?
        }
        None => axes.into_iter().rev().collect(),
    };
    walk(T::of(call, 0)?, 0, &moved)
}

/// All numbers of the inputs. Those of an input that is not known are unknown.
fn concat<T: Number>(call: &Call<'_>) -> Option<Vec<T>> {
    let mut values = Vec::new();
    let mut is_known = false;
    for input in 0..call.inputs() {
        match (T::of(call, input), call.dims(input)?) {
            (Some(numbers), [_]) => values.extend_from_slice(numbers),
            (None, [Dim::Known(count)]) if *count <= MOST_INTEGERS => {
                values.resize(values.len() + count, T::UNKNOWN);
            }
            _ => return None,
        }
        is_known |= T::of(call, input).is_some();
        if values.len() > MOST_INTEGERS {
            return None;
        }
    }
    is_known.then_some(values)
}

/// Parts of a list.
pub(super) fn split(call: &Call<'_>, shapes: &[Option<Vec<Dim>>]) -> Vec<Option<Vec<Integer>>> {
    let Some(list) = call.integers(0) else { return Vec::new() };
    let mut begin = 0_usize;
    let mut part = |dims: &Option<Vec<Dim>>| {
        let [Dim::Known(count)] = dims.as_deref()? else { return None };
        let end = begin.checked_add(*count)?;
        let values = list.values.get(begin..end)?.to_vec();
        begin = end;
        Some(values)
    };
    // Where one part has an unknown size, those behind it begin nowhere.
    let mut parts: Vec<_> = shapes.iter().map_while(|dims| part(dims).map(Some)).collect();
    parts.resize(shapes.len(), None);
    parts
}

/// Many times the same integer.
pub(super) fn filled(call: &Call<'_>, shape: Option<&[Dim]>) -> Option<Vec<Integer>> {
    let [value] = integers_of(call.node.tensor("value")?)?.try_into().ok()?;
    Some(vec![Integer::Value(value); count(shape?)?])
}

/// The numbers again and again.
fn repeated<T: Number>(call: &Call<'_>, shape: Option<&[Dim]>) -> Option<Vec<T>> {
    let list = T::of(call, 0).filter(|list| !list.is_empty())?;
    // Along other axes, each of several numbers is repeated by itself.
    if list.len() > 1 && shape?.len() > 1 {
        return None;
    }
    Some(list.iter().copied().cycle().take(count(shape?)?).collect())
}

/// Integers from one to another.
pub(super) fn range(call: &Call<'_>, shape: Option<&[Dim]>) -> Option<Vec<Integer>> {
    let [start, _, step] = [0, 1, 2].map(|input| call.integers(input)?.whole());
    let (start, step) = (*start?.first()?, *step?.first()?);
    let value = |number: usize| {
        let ahead = i64::try_from(number).ok()?.checked_mul(step)?;
        ahead.checked_add(start).map(Integer::Value)
    };
    (0..count(shape?)?).map(value).collect()
}

/// Returns the number of entries of a small value.
fn count(dims: &[Dim]) -> Option<usize> {
    let count = dims.iter().try_fold(1_usize, |all, dim| match dim {
        Dim::Known(extent) => all.checked_mul(*extent),
        Dim::Symbol(_) => None,
    });
    count.filter(|count| *count <= MOST_INTEGERS)
}

/// Applies an operation to two lists, of which one can have only one entry.
pub(super) fn pairs<T: Number>(
    one: &[T],
    other: &[T],
    mut operation: impl FnMut(T, T) -> T,
) -> Option<Vec<T>> {
    let length = if one.len() == 1 { other.len() } else { one.len() };
    if other.len() != length && other.len() != 1 {
        return None;
    }
    let pairs = one.iter().cycle().zip(other.iter().cycle()).take(length);
    Some(pairs.map(|(one, other)| operation(*one, *other)).collect())
}

#[cfg(test)]
mod tests {
    use crate::shapes::testing::{Case, case};

    #[test]
    fn entries_are_chosen() {
        let gather = case("Gather").numbers("N 3 H").integer(-1);
        assert_eq!((gather.shape(), gather.integers_out()), (String::new(), "H".into()));
        assert_eq!(case("Gather").numbers("N 3 H").integers(&[1, 0]).integers_out(), "3 N");
        assert_eq!(case("Gather").numbers("N 3 H").integer(3).integers_out(), "unknown");
        assert_eq!(case("Gather").numbers("N 3 H").numbers("1 ?").integers_out(), "3 ?");
    }

    #[test]
    fn a_range_is_chosen() {
        let slice = |start, end| case("Slice").numbers("N 3 H").integers(&[start]).integers(&[end]);
        assert_eq!(slice(1, i64::MAX).integers_out(), "3 H");
        assert_eq!(slice(-2, -1).integers_out(), "3");
        assert_eq!(slice(5, 9).integers_out(), "");
        let back = slice(-1, i64::MIN).integers(&[0]);
        assert_eq!(back.clone().integers(&[-2]).integers_out(), "H N");
        assert_eq!(back.integers(&[i64::MIN]).integers_out(), "H");
        let old = case("Slice").numbers("N 3 H").ints("starts", &[0]).ints("ends", &[2]);
        assert_eq!(old.integers_out(), "N 3");
    }

    #[test]
    fn numbers_of_tables_are_followed() {
        // Pads in the order of PyTorch, [last before, last after, ...], as older exporters turn them around.
        let table = case("Reshape").numbers("1 2 0 H").integers(&[-1, 2]);
        let reversed = table.then("Slice").integers(&[-1]).integers(&[i64::MIN]);
        let reversed = reversed.integers(&[0]).integers(&[-1]);
        let list = reversed.clone().then("Transpose").then("Reshape").integers(&[-1]);
        assert_eq!(list.integers_out(), "0 1 H 2");
        let ordered = reversed.clone().then("Transpose").ints("perm", &[0, 1]);
        assert_eq!(ordered.then("Reshape").integers(&[-1]).integers_out(), "0 H 1 2");
        // A table itself is no list.
        assert_eq!((reversed.shape(), reversed.integers_out()), ("2 2".into(), "unknown".into()));
    }

    #[test]
    fn lists_are_joined_and_split() {
        assert_eq!(case("Concat").numbers("N ?").integers(&[-1]).integers_out(), "N ? -1");
        assert_eq!(case("Concat").numbers("N").input("2").integers_out(), "N ? ?");
        assert_eq!(case("Concat").numbers("N").unknown().integers_out(), "unknown");
        assert_eq!(case("Concat").numbers("N").input("1024").integers_out(), "unknown");
        let split = case("Split").numbers("N 3 H").integers(&[1, 2]).outputs(2);
        assert_eq!(split.all_integers_out(), ["N", "3 H"]);
    }

    #[test]
    fn lists_are_made() {
        let filled = |case: Case| case.tensor("value", &[7]).integers_out();
        assert_eq!(filled(case("ConstantOfShape").integers(&[3])), "7 7 7");
        assert_eq!(filled(case("ConstantOfShape").integers(&[4096])), "unknown");
        assert_eq!(filled(case("ConstantOfShape").numbers("N")), "unknown");
        assert_eq!(case("ConstantOfShape").integers(&[3]).integers_out(), "unknown");
        assert_eq!(case("Expand").integer(4).integers(&[2]).integers_out(), "4 4");
        assert_eq!(case("Tile").integers(&[4, 5]).integers(&[2]).integers_out(), "4 5 4 5");
        assert_eq!(case("Range").integer(1).integer(8).integer(3).integers_out(), "1 4 7");
    }
}
