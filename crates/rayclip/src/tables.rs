//! Tables that fit the terminal.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ColumnConstraint, Table};

use crate::output;

/// A table with these heads.
pub(crate) fn table(heads: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(heads);
    table
}

/// Prints a table; where it is too wide, without the `first` of these columns (counted from 0), and so on,
/// and says which are not shown.
pub(crate) fn print(mut table: Table, first: &[usize], heads: &[&str]) {
    let hidden = fit(&mut table, first, output::columns());
    output::result(&table.to_string());
    if !hidden.is_empty() {
        let names: Vec<&str> =
            hidden.iter().filter_map(|column| heads.get(*column).copied()).collect();
        output::note(&format!("not shown for lack of room: {}; --json has all", names.join(", ")));
    }
}

/// Hides columns until the table has at most `room` of the terminal's; those that are hidden.
fn fit(table: &mut Table, first: &[usize], room: usize) -> Vec<usize> {
    let mut hidden = vec![];
    for &column in first {
        let text = table.to_string();
        if text.lines().map(|line| line.chars().count()).max().unwrap_or(0) <= room {
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
            let width = table.to_string().lines().map(|line| line.chars().count()).max();
            (hidden, width.unwrap() <= room)
        };
        assert_eq!(fitted(80), (vec![], true));
        assert_eq!(fitted(30), (vec![1], true));
        assert_eq!(fitted(12), (vec![1, 2], true));
    }
}
