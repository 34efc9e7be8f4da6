//! Correlations of entropies and accuracies, as a table.

use crate::entropy::correlation::{CorrelationRow, Source};
use crate::entropy::gibbs::PUBLISHED_WIDTH;
use crate::entropy::tracks::Side;
use crate::paper::published::METHODS;
use crate::tables::table::{Cell, Table};

/// Returns one row per vector from `correlations.csv`, with accuracies that are `smoothed` or not. `of_group` gives
/// the addition to the method's name.
pub(crate) fn correlations_table(
    rows: &[CorrelationRow],
    smoothed: bool,
    of_group: impl Fn(&str) -> String,
) -> Table {
    let heads = ["entropy of", "accuracy of", "bins", "cycles", "seeds"];
    let mut table = Table::new(heads.into_iter().chain(Source::ALL.map(Source::text)));
    let vectors = vectors(rows, smoothed);
    table.rows = vectors.iter().map(|vector| cells(vector, &of_group)).collect();
    table
}

/// Groups the rows by vector and accuracy; each group has all sources.
fn vectors(rows: &[CorrelationRow], smoothed: bool) -> Vec<Vec<&CorrelationRow>> {
    let shown = |row: &&CorrelationRow| {
        let known = row.accuracy_of == row.method || METHODS.contains(&row.accuracy_of.as_str());
        // All methods with the published bins; a method with its own accuracy also with all other bin widths.
        let own = row.accuracy_of == row.method && row.side == Side::Next;
        row.smoothed == smoothed && known && (row.bin_width == PUBLISHED_WIDTH || own)
    };
    let rows: Vec<&CorrelationRow> = rows.iter().filter(shown).collect();
    rows.chunk_by(|a, b| a.is_of_same_vector(b)).map(<[_]>::to_vec).collect()
}

fn cells(vector: &[&CorrelationRow], of_group: &impl Fn(&str) -> String) -> Vec<Cell> {
    let CorrelationRow { method, group, side, bin_width, accuracy_of, seeds, .. } = vector[0];
    let fewest = vector.iter().map(|row| row.cycles).min().unwrap_or(0);
    let cycles = if fewest < vector[0].cycles {
        format!("{fewest}–{}", vector[0].cycles)
    } else {
        fewest.to_string()
    };
    let first = [
        format!("{} of {method}{}", side.symbol(), of_group(group)),
        accuracy_of.clone(),
        bin_width.to_string(),
        cycles,
        seeds.to_string(),
    ];
    let of = |source| vector.iter().find(|row| row.source == source);
    let sources = Source::ALL.map(|source| of(source).map_or_else(Cell::none, |row| r(row)));
    first.into_iter().map(Cell::text).chain(sources).collect()
}

/// Returns a correlation with its interval, which is not symmetric; for one seed, with the deviation over the
/// draws.
fn r(row: &CorrelationRow) -> Cell {
    let interval = match (row.low, row.high, row.draw_deviation) {
        (Some(low), Some(high), _) => format!("\n{low:.3} … {high:.3}"),
        (_, _, Some(deviation)) => format!(" ± {deviation:.4}"),
        _ => String::new(),
    };
    let partial = row.partial.map(|partial| format!("\ngiven log₂ n: {partial:.3}"));
    Cell::number(row.r, format!("{:.4}{interval}{}", row.r, partial.unwrap_or_default()))
}
