//! Slice: a range of entries along some axes.

use super::call::{Call, Listed, place};
use super::symbols::Symbols;
use super::{Dim, Integer};

/// From here on, a number is larger than any extent.
const MOST: i64 = i32::MAX as i64;

/// The range along one axis.
#[derive(Clone, Copy)]
pub(super) struct Range {
    start: Integer,
    end: Integer,
    step: Integer,
}

/// The ranges of a node, by axis.
pub(super) struct Ranges(pub(super) Vec<(usize, Range)>);

impl Ranges {
    /// Reads the ranges of a node; `None` if even the axes are unknown.
    pub(super) fn of(call: &Call<'_>, rank: usize) -> Option<Self> {
        let starts = bounds(call, "starts", 1);
        let ends = bounds(call, "ends", 2);
        let steps = if call.has(4) { bounds(call, "steps", 4) } else { Some(Vec::new()) };
        let axes = match call.list("axes", 3) {
            Listed::These(axes) => axes,
            Listed::Unknown => return None,
            // Without axes, they are the first ones, as many as there are starts.
            Listed::Absent => {
                let count = [&starts, &ends].into_iter().flatten().map(Vec::len).next();
                (0..i64::try_from(count?).ok()?).collect()
            }
        };
        let at = |list: &Option<Vec<Integer>>, index: usize, default: Integer| match list {
            Some(list) if list.is_empty() => default,
            Some(list) => list.get(index).copied().unwrap_or(Integer::Unknown),
            None => Integer::Unknown,
        };
        let range = |(index, axis): (usize, &i64)| {
            let range = Range {
                start: at(&starts, index, Integer::Unknown),
                end: at(&ends, index, Integer::Unknown),
                step: at(&steps, index, Integer::Value(1)),
            };
            Some((place(*axis, rank)?, range))
        };
        if axes.len() > rank {
            return None;
        }
        axes.iter().enumerate().map(range).collect::<Option<_>>().map(Self)
    }
}

fn bounds(call: &Call<'_>, name: &str, input: usize) -> Option<Vec<Integer>> {
    if let Some(list) = call.node.ints(name) {
        return Some(list.iter().map(|value| Integer::Value(*value)).collect());
    }
    call.integers(input).map(|integers| integers.values.clone())
}

impl Range {
    /// Returns the entries of the range: the first, the number, and the step.
    pub(super) fn entries(&self, extent: usize) -> Option<(i64, usize, i64)> {
        let (Integer::Value(start), Integer::Value(end), Integer::Value(step)) =
            (self.start, self.end, self.step)
        else {
            return None;
        };
        let extent = i64::try_from(extent).ok()?;
        let from_front = |place: i64| if place < 0 { place.saturating_add(extent) } else { place };
        let (start, end) = (from_front(start), from_front(end));
        let (start, distance) = if step > 0 {
            let start = start.clamp(0, extent);
            (start, end.clamp(0, extent) - start)
        } else {
            let start = start.clamp(0, (extent - 1).max(0));
            // Before the first entry is −1.
            (start, (start - end.clamp(-1, (extent - 1).max(-1))).min(extent))
        };
        let step_size = i64::try_from(step.unsigned_abs()).unwrap_or(i64::MAX);
        if step == 0 {
            return None;
        }
        let count = if distance > 0 { (distance - 1) / step_size + 1 } else { 0 };
        Some((start, usize::try_from(count).ok()?, step))
    }

    /// Returns the number of entries of the range.
    fn extent(&self, dim: Dim, symbols: &mut Symbols<'_>) -> Option<Dim> {
        let symbol = match dim {
            Dim::Known(extent) => {
                return match self.entries(extent) {
                    Some((_, count, _)) => Some(Dim::Known(count)),
                    None => symbols.fresh(),
                };
            }
            Dim::Symbol(symbol) => symbol,
        };
        match (self.start, self.end, self.step) {
            (Integer::Value(0), Integer::Value(MOST..), Integer::Value(1)) => Some(dim),
            (Integer::Value(0), Integer::Extent(end), Integer::Value(1)) if end == symbol => {
                Some(dim)
            }
            (Integer::Value(start), Integer::Value(end), Integer::Value(step)) => {
                let end = if end >= MOST { i64::MAX } else { end };
                symbols.computed("slice", vec![i64::from(symbol), start, end, step])
            }
            _ => symbols.fresh(),
        }
    }
}

/// A range of entries along some axes.
pub(super) fn slice(call: &Call<'_>, symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let mut dims = call.dims(0)?.to_vec();
    let Some(Ranges(ranges)) = Ranges::of(call, dims.len()) else {
        return symbols.several(dims.len());
    };
    for (axis, range) in ranges {
        dims[axis] = range.extent(dims[axis], symbols)?;
    }
    Some(dims)
}

#[cfg(test)]
mod tests {
    use crate::shapes::testing::{Case, case};

    fn slice(dims: &str, start: i64, end: i64, axis: i64, step: i64) -> String {
        let case = case("Slice").input(dims).integers(&[start]).integers(&[end]);
        case.integers(&[axis]).integers(&[step]).shape()
    }

    #[test]
    fn a_range_of_entries_remains() {
        assert_eq!(slice("N 10", 2, 5, 1, 1), "N 3");
        assert_eq!(slice("N 10", 2, i64::MAX, -1, 3), "N 3");
        assert_eq!(slice("N 10", -3, -1, 1, 1), "N 2");
        assert_eq!(slice("N 10", -99, 99, 1, 1), "N 10");
        assert_eq!(slice("N 10", 7, 2, 1, 1), "N 0");
    }

    #[test]
    fn a_negative_step_counts_back() {
        assert_eq!(slice("N 10", -1, i64::MIN, 1, -1), "N 10");
        assert_eq!(slice("N 10", 99, 0, 1, -1), "N 9");
        assert_eq!(slice("N 10", 8, 2, 1, -4), "N 2");
        assert_eq!(slice("N 10", 2, 5, 1, -1), "N 0");
        assert_eq!(slice("N 0", -1, i64::MIN, 1, -1), "N 0");
        assert_eq!(slice("N 10", -1, i64::MIN, 1, i64::MIN), "N 1");
    }

    #[test]
    fn a_symbol_stays_if_all_of_it_remains() {
        assert_eq!(slice("N 10", 0, i64::MAX, 0, 1), "N 10");
        assert_eq!(slice("N 10", 0, i64::from(i32::MAX), 0, 1), "N 10");
        assert_eq!(slice("N 10", 0, 5, 0, 1), "? 10");
        assert_eq!(slice("N 10", 1, i64::MAX, 0, 1), "? 10");
        let to_its_end = case("Slice").input("N 3").integers(&[0]).numbers("N");
        assert_eq!(to_its_end.integers(&[0]).shape(), "N 3");
    }

    #[test]
    fn ranges_can_be_attributes() {
        let case = |case: Case| case.ints("starts", &[1, 0]).ints("ends", &[3, -1]);
        assert_eq!(case(super::tests::input("5 6 7")).shape(), "2 5 7");
        assert_eq!(case(super::tests::input("5 6 7")).ints("axes", &[2, 1]).shape(), "5 5 2");
    }

    fn input(dims: &str) -> Case {
        case("Slice").input(dims)
    }

    #[test]
    fn unknown_bounds_leave_the_other_axes() {
        let case = || input("5 N 7").unknown().unknown();
        assert_eq!(case().integers(&[1]).shape(), "5 ? 7");
        assert_eq!(case().unknown().shape(), "? ? ?");
        let wrong = input("5").integers(&[0]).integers(&[1]).integers(&[3]);
        assert_eq!(wrong.shape(), "?");
    }
}
