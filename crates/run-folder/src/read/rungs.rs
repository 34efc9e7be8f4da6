//! The rungs that a run reached.

use std::collections::BTreeMap;

use super::Groups;
use crate::rows::CycleRow;

/// The network after a clip.
#[derive(Debug, Clone, PartialEq)]
pub struct Rung {
    /// The clip's cycle.
    pub cycle: usize,
    /// Neurons of every group.
    pub widths: Vec<usize>,
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

    /// Returns the widths as text, `460` or `460 × 230`; of many groups, only their number and sum.
    pub fn label(&self) -> String {
        shortened(&self.widths)
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

/// Returns the rungs for which a run has rows, by cycle.
pub fn rungs(rows: &[CycleRow], groups: &Groups) -> BTreeMap<usize, Rung> {
    let mut cycles: BTreeMap<usize, Vec<&CycleRow>> = BTreeMap::new();
    for row in rows {
        cycles.entry(row.cycle).or_default().push(row);
    }
    let mut widths = groups.widths.clone();
    let mut rungs = BTreeMap::new();
    for (cycle, rows) in cycles {
        for row in &rows {
            if let Some(position) = groups.position(&row.group) {
                widths[position] = row.width_after;
            }
        }
        if let Some(last) = rows.last() {
            let sparsity = 1.0 - neurons(&widths) as f64 / groups.neurons() as f64;
            let CycleRow { parameters, bytes, macs, .. } = **last;
            let widths = widths.clone();
            rungs.insert(cycle, Rung { cycle, widths, sparsity, parameters, bytes, macs });
        }
    }
    rungs
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
        assert_eq!(neurons(&[usize::MAX, 2]), usize::MAX);
    }

    #[test]
    fn widths_of_many_groups_are_their_sum() {
        assert_eq!(described(&[60, 30], "neurons"), "60 × 30 neurons");
        assert_eq!(described(&[10; 5], "hidden neurons"), "50 hidden neurons in 5 groups");
        assert_eq!(shortened(&[10; 5]), "50 in 5 groups");
    }
}
