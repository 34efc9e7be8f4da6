//! Tables that fit the terminal.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ColumnConstraint, Table};

use crate::output;

/// Returns a table with these column heads.
pub(crate) fn table(heads: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(heads);
    table
}

/// Prints a table. If it is too wide, the columns in `first` (counted from 0) are left out one after the other,
/// until the rest fits. A message lists the columns that are not shown.
pub(crate) fn print(mut table: Table, first: &[usize], heads: &[&str]) {
    let hidden = fit(&mut table, first, output::columns());
    output::result(&table.to_string());
    if !hidden.is_empty() {
        let names: Vec<&str> =
            hidden.iter().filter_map(|column| heads.get(*column).copied()).collect();
        output::note(&format!("columns that do not fit: {}; --json has them", names.join(", ")));
    }
}

/// Prints a table in parts that fit the terminal, one below the other. Each part has the first `always` columns.
pub(crate) fn print_in_parts(table: &Table, always: usize) {
    for part in parts(table, always, output::columns()) {
        output::result(&part.to_string());
    }
}

fn parts(table: &Table, always: usize, room: usize) -> Vec<Table> {
    let columns = table.column_iter().count();
    let (mut parts, mut from) = (vec![], always);
    while from < columns || parts.is_empty() {
        let up_to = |to: usize| {
            let mut part = table.clone();
            for column in (always..columns).filter(|column| !(from..to).contains(column)) {
                if let Some(found) = part.column_mut(column) {
                    found.set_constraint(ColumnConstraint::Hidden);
                }
            }
            part
        };
        // At least one, however narrow the terminal is.
        let mut to = (from + 1).min(columns);
        while to < columns && width(&up_to(to + 1)) <= room {
            to += 1;
        }
        parts.push(up_to(to));
        from = to;
    }
    parts
}

fn width(table: &Table) -> usize {
    table.to_string().lines().map(|line| line.chars().count()).max().unwrap_or(0)
}

/// Hides columns until the table is at most `room` columns of the terminal wide; returns the hidden ones.
fn fit(table: &mut Table, first: &[usize], room: usize) -> Vec<usize> {
    let mut hidden = vec![];
    for &column in first {
        if width(table) <= room {
            break;
        }
        if let Some(found) = table.column_mut(column) {
            found.set_constraint(ColumnConstraint::Hidden);
            hidden.push(column);
        }
    }
    hidden
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_left_out_until_the_rest_fits() {
        let heads = ["a", "bbbbbbbbbbbbbbbbbbbb", "cccccccccc", "d"];
        let fitted = |room| {
            let mut table = table(&heads);
            table.add_row(heads);
            let hidden = fit(&mut table, &[1, 2], room);
            (hidden, width(&table) <= room)
        };
        assert_eq!(fitted(80), (vec![], true));
        assert_eq!(fitted(30), (vec![1], true));
        assert_eq!(fitted(12), (vec![1, 2], true));
    }

    #[test]
    fn a_table_that_is_too_wide_is_printed_in_parts_that_are_not() {
        let mut table = table(&["neurons", "first", "second", "third", "fourth"]);
        table.add_row(["57", "0.9712 ± 0.0020", "0.9712 ± 0.0021", "0.9712 ± 0.0022", "–"]);
        let texts: Vec<String> = parts(&table, 1, 50).iter().map(Table::to_string).collect();
        assert_eq!(texts.len(), 2, "{texts:?}");
        assert!(texts.iter().all(|text| text.contains("neurons") && text.contains("57")));
        assert!(texts[0].contains("second") && !texts[0].contains("third"), "{}", texts[0]);
        assert!(texts[1].contains("third") && texts[1].contains("fourth"), "{}", texts[1]);
        assert_eq!(parts(&table, 1, 10).len(), 4);
        assert_eq!(parts(&table, 1, 200).len(), 1);
        assert_eq!(parts(&table, 5, 10).len(), 1);
    }
}
