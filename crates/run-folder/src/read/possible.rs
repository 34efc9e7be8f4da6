//! Drops rows that no run can have written.

use std::collections::BTreeMap;

use super::Groups;
use crate::limits::{self, is_amount};
use crate::rows::CycleRow;

/// Drops the rows that no run writes: with an unknown group, a width that is not on the ladder, an impossible
/// accuracy, or a number beyond the [`limits`]. With a global ranking (`has_own_widths`), networks leave the ladder.
/// Returns a sentence with the number of dropped rows.
pub fn drop_impossible(
    rows: &mut Vec<CycleRow>,
    groups: &Groups,
    has_own_widths: bool,
) -> Option<String> {
    let all = rows.len();
    let position = |row: &CycleRow| groups.position(&row.group);
    // A clip removes at least one neuron, so there are no more cycles than neurons.
    let cycles = groups.neurons().min(limits::CYCLES);
    rows.retain(|row| {
        groups.width(&row.group).is_some_and(|width| row.width_before <= width)
            && row.cycle < cycles
            && is_clip(row)
            && is_measured(row)
    });
    if has_own_widths {
        return sentence(all - rows.len(), all);
    }
    let ladder = ladder(rows.iter().filter_map(|row| Some((position(row)?, row))));
    rows.retain(|row| {
        let width = position(row).and_then(|group| ladder.get(&(group, row.cycle)));
        width == Some(&row.width_after)
    });
    sentence(all - rows.len(), all)
}

fn sentence(dropped: usize, all: usize) -> Option<String> {
    (dropped > 0).then(|| format!("{dropped} of {all} rows are impossible and left out"))
}

/// Returns the width after a clip, by group and cycle. The ladder has the width that most rows have.
fn ladder<'a>(
    rows: impl Iterator<Item = (usize, &'a CycleRow)>,
) -> BTreeMap<(usize, usize), usize> {
    let mut votes: BTreeMap<(usize, usize), BTreeMap<usize, usize>> = BTreeMap::new();
    for (group, row) in rows {
        let at = votes.entry((group, row.cycle)).or_default();
        *at.entry(row.width_after).or_default() += 1;
    }
    let mut last: BTreeMap<usize, usize> = BTreeMap::new();
    let mut ladder = BTreeMap::new();
    for ((group, cycle), votes) in votes {
        let last = last.entry(group).or_insert(usize::MAX);
        let falling = votes.into_iter().filter(|(width, _)| width <= last);
        if let Some((width, _)) = falling.max_by_key(|(_, count)| *count) {
            ladder.insert((group, cycle), width);
            *last = width;
        }
    }
    ladder
}

/// Returns whether widths and fractions are possible for a clip. (If a group is small enough already, the rows of
/// `scratch` have it with the width that it keeps.)
fn is_clip(row: &CycleRow) -> bool {
    let accuracies = [
        row.accuracy_before_clip,
        row.accuracy_after_training,
        row.validation_after_clip,
        row.validation_after_training,
    ];
    let mut fractions =
        accuracies.into_iter().flatten().chain([row.accuracy_after_clip, row.sparsity]);
    (1..=row.width_before).contains(&row.width_after)
        && fractions.all(|value| (0.0..=1.0).contains(&value))
}

/// Returns whether counts and measured values are possible for a run.
fn is_measured(row: &CycleRow) -> bool {
    let counts = [row.at_once, row.solver_iterations, row.bytes, row.macs, row.batches, row.images];
    let counts = counts.into_iter().flatten().chain([row.parameters, row.replica]);
    let amounts = [row.solver_flops, row.training_flops, row.full_width_flops];
    (1..=limits::NAME).contains(&row.method.chars().count())
        && row.at_once != Some(0)
        && row.ties.is_none_or(|ties| ties <= row.width_before)
        && counts.into_iter().all(|count| count <= limits::COUNT)
        && amounts.into_iter().flatten().all(is_amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(replica: usize, cycle: usize, before: usize, after: usize, accuracy: f64) -> CycleRow {
        CycleRow {
            replica,
            method: "dtc".into(),
            group: "a".into(),
            cycle,
            width_before: before,
            width_after: after,
            accuracy_after_clip: accuracy,
            ..CycleRow::default()
        }
    }

    #[test]
    fn rows_that_cannot_be_are_dropped_and_counted() {
        let groups = Groups { names: vec!["a".into()], widths: vec![100] };
        let ladder = [(0, 100, 90), (1, 90, 81), (2, 81, 72)];
        let good: Vec<CycleRow> = ladder
            .into_iter()
            .flat_map(|(cycle, a, b)| [0, 1].map(|replica| row(replica, cycle, a, b, 0.9)))
            .collect();
        let mut rows = good.clone();
        assert_eq!(drop_impossible(&mut rows, &groups, false), None);
        let next = || row(2, 1, 90, 81, 0.9);
        let bad = [
            row(2, 1, 90, 95, 0.9),
            row(2, 1, 190, 81, 0.9),
            row(2, 1, 90, 80, 0.9),
            row(2, 1, 90, 0, 0.9),
            row(2, 100, 90, 81, 0.9),
            row(2, 1, 90, 81, 1.5),
            row(2, 1, 90, 81, f64::NAN),
            CycleRow { group: "b".into(), ..next() },
            row(2, usize::MAX, 90, 81, 0.9),
            CycleRow { parameters: usize::MAX, ..next() },
            CycleRow { macs: Some(usize::MAX), ..next() },
            CycleRow { training_flops: Some(f64::INFINITY), ..next() },
            CycleRow { at_once: Some(0), ..next() },
            CycleRow { ties: Some(91), ..next() },
            CycleRow { sparsity: -0.1, ..next() },
            CycleRow { validation_after_clip: Some(2.0), ..next() },
            CycleRow { method: "x".repeat(65), ..next() },
        ];
        rows.extend(bad);
        let reason = drop_impossible(&mut rows, &groups, false).unwrap();
        assert!(reason.starts_with("17 of 23 rows"), "{reason}");
        assert_eq!(rows, good);
    }

    #[test]
    fn each_group_has_its_own_widths() {
        let groups = Groups { names: vec!["a".into(), "b".into()], widths: vec![9, 4] };
        let of = |group: &str, before, after| CycleRow {
            group: group.into(),
            ..row(0, 0, before, after, 0.9)
        };
        let mut rows = vec![of("a", 9, 8), of("b", 4, 3), of("b", 9, 3)];
        let good = rows[..2].to_vec();
        assert!(drop_impossible(&mut rows, &groups, false).unwrap().starts_with("1 of 3"));
        assert_eq!(rows, good);
    }
}
