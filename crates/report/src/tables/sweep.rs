//! The best cells of a sweep, as a table.

use crate::compare::sweep::{SweepCell, SweepResult};
use crate::tables::table::{Cell, Table};

/// Returns the best `count` results with the values of `keys`. Only the first has its test accuracy.
pub fn sweep_table(
    keys: &[&str],
    cells: &[SweepCell],
    results: &[SweepResult],
    count: usize,
) -> Table {
    let last = ["method", "neurons", "batches", "validation", "test"];
    let mut table = Table::new(keys.iter().copied().chain(last));
    for (rank, result) in results.iter().take(count).enumerate() {
        let estimate = |estimate| Cell::estimate(estimate, result.seeds);
        let last = [
            Cell::text(&result.method),
            Cell::count(Some(result.neurons)),
            Cell::count(result.batches),
            estimate(result.validation),
            if rank == 0 { estimate(result.test) } else { Cell::text("") },
        ];
        table.rows.push(cells[result.cell].values.iter().map(Cell::text).chain(last).collect());
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::sweep::sweep_results;
    use crate::compare::sweep::tests::cell;

    #[test]
    fn the_test_accuracy_of_the_best_alone_is_shown() {
        let cells = [cell("a", 0.7), cell("b", 0.8)];
        let mut results = sweep_results(&cells, None).unwrap();
        let text = sweep_table(&["key"], &cells, &results, 5).to_string();
        assert_eq!(text.matches("0.5000").count(), 1, "{text}");
        assert_eq!(sweep_table(&["key"], &cells, &results, 1).rows.len(), 1);
        results[0].seeds = 2;
        let text = sweep_table(&["key"], &cells, &results, 5).to_string();
        assert!(text.contains("1 of 2 seeds"), "{text}");
    }
}
