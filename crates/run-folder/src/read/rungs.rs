//! The rungs that a run reached.

use std::collections::BTreeMap;

use super::Groups;
use crate::rows::CycleRow;

/// The networks after a clip. If they differ (with a global ranking), all numbers are means, rounded.
#[derive(Debug, Clone, PartialEq)]
pub struct Rung {
    /// The clip's cycle.
    pub cycle: usize,
    /// Neurons of every group.
    pub widths: Vec<usize>,
    /// Whether the networks have different widths.
    pub is_mean: bool,
    /// Fraction of the first neurons that are gone.
    pub sparsity: f64,
    /// Weights and biases.
    pub parameters: usize,
    /// Bytes of the parameters, as f32.
    pub bytes: Option<usize>,
    /// Multiply-accumulates to classify an image.
    pub macs: Option<usize>,
}

impl Rung {
    /// Returns the neurons of all groups.
    pub fn neurons(&self) -> usize {
        neurons(&self.widths)
    }

    /// Returns the widths as text, `460` or `460 × 230`; of many groups, only their number and sum. Means have the
    /// sign `≈`.
    pub fn label(&self) -> String {
        let sign = if self.is_mean { "≈ " } else { "" };
        format!("{sign}{}", shortened(&self.widths))
    }
}

/// Widths that are named one by one.
const NAMED: usize = 4;

/// Returns widths as text; of many groups, only their number and sum: `448 in 12 groups`.
pub fn shortened(widths: &[usize]) -> String {
    if widths.len() <= NAMED {
        return joined(widths);
    }
    format!("{} in {} groups", neurons(widths), widths.len())
}

/// Returns widths as part of a sentence, with the word for what they count: `60 × 30 neurons`; of many groups,
/// `448 neurons in 12 groups`.
pub fn described(widths: &[usize], what: &str) -> String {
    if widths.len() <= NAMED {
        return format!("{} {what}", joined(widths));
    }
    format!("{} {what} in {} groups", neurons(widths), widths.len())
}

/// Returns the neurons of some groups. The sum saturates.
pub fn neurons(widths: &[usize]) -> usize {
    widths.iter().copied().fold(0, usize::saturating_add)
}

/// Returns widths as text.
pub fn joined(widths: &[usize]) -> String {
    widths.iter().map(ToString::to_string).collect::<Vec<_>>().join(" × ")
}

/// Returns the widths of every network after a clip, by cycle and replica.
pub fn network_widths(rows: &[CycleRow], groups: &Groups) -> BTreeMap<(usize, usize), Vec<usize>> {
    let mut by_clip: BTreeMap<(usize, usize), Vec<&CycleRow>> = BTreeMap::new();
    for row in rows {
        by_clip.entry((row.cycle, row.replica)).or_default().push(row);
    }
    let mut now: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut after = |((cycle, replica), rows): ((usize, usize), Vec<&CycleRow>)| {
        let widths = now.entry(replica).or_insert_with(|| groups.widths.clone());
        for row in rows {
            if let Some(position) = groups.position(&row.group) {
                widths[position] = row.width_after;
            }
        }
        ((cycle, replica), widths.clone())
    };
    by_clip.into_iter().map(&mut after).collect()
}

/// Returns the rungs for which a run has rows, by cycle. `scratch`, which has the widths of the ladder, counts only
/// where no other method has rows.
pub fn rungs(rows: &[CycleRow], groups: &Groups) -> BTreeMap<usize, Rung> {
    let widths = network_widths(rows, groups);
    let mut cycles: BTreeMap<usize, BTreeMap<usize, &CycleRow>> = BTreeMap::new();
    for row in rows {
        cycles.entry(row.cycle).or_default().insert(row.replica, row);
    }
    let rung = |(cycle, mut networks): (usize, BTreeMap<usize, &CycleRow>)| {
        if networks.values().any(|row| !row.is_scratch()) {
            networks.retain(|_, row| !row.is_scratch());
        }
        let widths: Vec<&Vec<usize>> =
            networks.keys().filter_map(|replica| widths.get(&(cycle, *replica))).collect();
        let of_group = |group: usize| mean(widths.iter().map(|widths| Some(widths[group])));
        let mean_widths: Option<Vec<usize>> = (0..groups.widths.len()).map(of_group).collect();
        let mean_widths = mean_widths?;
        let of =
            |value: fn(&CycleRow) -> Option<usize>| mean(networks.values().map(|row| value(row)));
        let rung = Rung {
            cycle,
            is_mean: widths.windows(2).any(|two| two[0] != two[1]),
            sparsity: 1.0 - neurons(&mean_widths) as f64 / groups.neurons() as f64,
            widths: mean_widths,
            parameters: of(|row| Some(row.parameters))?,
            bytes: of(|row| row.bytes),
            macs: of(|row| row.macs),
        };
        Some((cycle, rung))
    };
    cycles.into_iter().filter_map(rung).collect()
}

/// Returns the mean of some counts, rounded; `None` if there is none, or if one is unknown.
fn mean(counts: impl Iterator<Item = Option<usize>>) -> Option<usize> {
    let (mut sum, mut count) = (0_u128, 0_u128);
    for value in counts {
        sum += value? as u128;
        count += 1;
    }
    usize::try_from((sum + count / 2).checked_div(count)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_that_is_small_enough_keeps_its_width() {
        let row = |cycle, group: &str, width_after, macs| CycleRow {
            cycle,
            group: group.into(),
            width_after,
            parameters: 10 * width_after,
            macs,
            ..CycleRow::default()
        };
        let rows = [row(0, "a", 6, Some(1)), row(0, "b", 3, Some(2)), row(1, "a", 4, None)];
        let groups = Groups { names: vec!["a".into(), "b".into()], widths: vec![8, 4] };
        let rungs = rungs(&rows, &groups);
        let found: Vec<_> = rungs.values().map(|rung| (rung.label(), rung.macs)).collect();
        assert_eq!(found, [("6 × 3".to_owned(), Some(2)), ("4 × 3".to_owned(), None)]);
        assert_eq!((rungs[&1].neurons(), rungs[&1].parameters), (7, 40));
        assert_eq!(rungs[&1].sparsity, 1.0 - 7.0 / 12.0);
        assert!(!rungs[&1].is_mean);
        assert_eq!(neurons(&[usize::MAX, 2]), usize::MAX);
    }

    #[test]
    fn networks_with_widths_of_their_own_have_a_mean() {
        let row = |replica, method: &str, cycle, group: &str, width_after| CycleRow {
            replica,
            method: method.into(),
            cycle,
            group: group.into(),
            width_after,
            parameters: 100 - replica,
            ..CycleRow::default()
        };
        let rows = [
            row(0, "l2", 0, "a", 6),
            row(0, "l2", 0, "b", 2),
            row(1, "l2", 0, "a", 5),
            row(1, "l2", 0, "b", 3),
            row(2, "scratch", 0, "a", 1),
            row(0, "l2", 1, "a", 3),
            row(1, "l2", 1, "b", 1),
        ];
        let groups = Groups { names: vec!["a".into(), "b".into()], widths: vec![8, 4] };
        let rungs = rungs(&rows, &groups);
        let found: Vec<_> = rungs.values().map(|rung| (rung.label(), rung.parameters)).collect();
        assert_eq!(found, [("≈ 6 × 3".to_owned(), 100), ("≈ 4 × 2".to_owned(), 100)]);
        let widths = network_widths(&rows, &groups);
        assert_eq!((&widths[&(1, 0)], &widths[&(1, 1)]), (&vec![3, 2], &vec![5, 1]));
    }

    #[test]
    fn widths_of_many_groups_are_their_sum() {
        assert_eq!(described(&[60, 30], "neurons"), "60 × 30 neurons");
        assert_eq!(described(&[10; 5], "hidden neurons"), "50 hidden neurons in 5 groups");
        assert_eq!(shortened(&[10; 5]), "50 in 5 groups");
    }
}
