//! Neurons with equal scores, as a table.

use crate::compare::ties::TiesRow;
use crate::facts::Facts;
use crate::tables::table::{Cell, Table};

/// Returns the ties at the widths that are shown.
pub(crate) fn ties_table(facts: &Facts) -> Table {
    let shown = facts.cycles_shown();
    let mut table = Table::new(["method", "neurons ranked", "fraction with equal scores"]);
    let is_shown = |row: &&TiesRow| shown.contains(&row.cycle) && row.most > 0.0;
    table.rows = facts
        .ties
        .iter()
        .filter(is_shown)
        .map(|TiesRow { method, group, neurons, fraction, .. }| {
            vec![
                Cell::text(format!("{method}{}", facts.of_group(group))),
                Cell::count(Some(*neurons)),
                Cell::rounded(Some(*fraction), 3),
            ]
        })
        .collect();
    table
}
