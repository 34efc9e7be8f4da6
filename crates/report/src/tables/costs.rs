//! The cost of networks and of their training, as tables.

use crate::cost::costs::CostRow;
use crate::cost::widths::WidthRow;
use crate::facts::Facts;
use crate::tables::table::{Cell, Table};

/// Returns the networks at the widths that are shown.
pub(crate) fn widths_table(facts: &Facts) -> Table {
    let batch = facts.widths.iter().find_map(|row| row.batch);
    let batch = batch.map_or("time, one batch".into(), |images| format!("time, {images} images"));
    let heads = ["neurons", "parameters", "bytes (f32)", "MACs per image", "time, one image"];
    let mut table = Table::new(heads.map(str::to_owned).into_iter().chain([batch]));
    let shown = facts.cycles_shown();
    let rows = facts.widths.iter().filter(|row| row.cycle.is_none_or(|c| shown.contains(&c)));
    table.rows = rows.map(width).collect();
    table
}

/// Returns the cost of training at the widths that are shown.
pub(crate) fn costs_table(facts: &Facts) -> Table {
    let mut table = Table::new([
        "method",
        "neurons",
        "batches",
        "training FLOPs",
        "solve FLOPs",
        "full width",
        "saved",
        "training s (share)",
        "full width s (share, estimate)",
        "scoring s",
        "of which solver s",
        "joules (share)",
    ]);
    let shown = facts.cycles_shown();
    let rows = facts.costs.iter().filter(|row| shown.contains(&row.cycle));
    table.rows = rows.map(cost).collect();
    table
}

fn width(row: &WidthRow) -> Vec<Cell> {
    vec![
        Cell::text(&row.widths),
        Cell::count(row.parameters),
        Cell::count(row.bytes),
        Cell::count(row.macs),
        time(row.latency_ms),
        time(row.batch_latency_ms),
    ]
}

fn cost(row: &CostRow) -> Vec<Cell> {
    vec![
        Cell::text(&row.method),
        Cell::text(row.neurons.to_string()),
        Cell::count(row.batches),
        Cell::large(row.training_flops),
        Cell::large(Some(row.solve_flops)),
        Cell::large(row.full_width_flops),
        Cell::rounded(row.saved, 3),
        Cell::rounded(row.train_seconds_share, 1),
        Cell::rounded(row.full_width_seconds_share, 1),
        Cell::rounded(row.score_seconds, 2),
        Cell::rounded(row.solve_seconds, 2),
        Cell::rounded(row.joules_share, 0),
    ]
}

/// Returns milliseconds in a suitable unit.
fn time(milliseconds: Option<f64>) -> Cell {
    let number = |milliseconds| Cell::number(milliseconds, with_unit(milliseconds));
    milliseconds.map_or_else(Cell::none, number)
}

fn with_unit(milliseconds: f64) -> String {
    match milliseconds {
        short if short < 0.1 => format!("{:.1} µs", 1e3 * short),
        short if short < 1.0 => format!("{:.0} µs", 1e3 * short),
        long => format!("{long:.2} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit_that_shows_them() {
        let times = [0.003_12, 0.25, 3.25, 250.0].map(with_unit);
        assert_eq!(times, ["3.1 µs", "250 µs", "3.25 ms", "250.00 ms"]);
    }
}
