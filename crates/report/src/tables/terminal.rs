//! Shows tables in the terminal.

use std::fmt;

use comfy_table::CellAlignment;
use comfy_table::presets::UTF8_FULL_CONDENSED;

use crate::tables::table::{Cell, Table};

impl Table {
    /// Returns the table with borders and right-aligned cells. Columns that are parts of a wider one become one
    /// column.
    pub fn to_terminal(&self) -> comfy_table::Table {
        let mut table = comfy_table::Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        let groups: Vec<_> =
            self.columns.chunk_by(|a, b| a.part_of.is_some() && a.part_of == b.part_of).collect();
        let head = |group: &[super::table::Column]| {
            group[0].part_of.as_ref().unwrap_or(&group[0].head).clone()
        };
        table.set_header(groups.iter().map(|group| head(group)));
        for column in table.column_iter_mut() {
            column.set_cell_alignment(CellAlignment::Right);
        }
        for row in &self.rows {
            let mut cells = row.iter();
            let mut joined = |count: usize| {
                let cells: Vec<&str> =
                    cells.by_ref().take(count).map(|Cell { text, .. }| text.as_str()).collect();
                cells.join(" | ")
            };
            table.add_row(groups.iter().map(|group| joined(group.len())).collect::<Vec<_>>());
        }
        table
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_terminal().fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::table::Column;

    #[test]
    fn columns_that_are_parts_of_one_are_one() {
        let columns = vec![
            Column::new("neurons"),
            Column::part("dtc", "paper"),
            Column::part("dtc", "here"),
            Column::part("l2", "paper"),
        ];
        let row = ["9", "0.1", "0.2", "–"].map(Cell::text).to_vec();
        let text = Table { columns, rows: vec![row] }.to_string();
        let cells = |line: &str| -> Vec<String> {
            line.split(['│', '┆']).map(|cell| cell.trim().to_owned()).collect()
        };
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(cells(lines[1])[1..4], ["neurons", "dtc", "l2"], "{text}");
        assert_eq!(cells(lines[3])[1..4], ["9", "0.1 | 0.2", "–"], "{text}");
    }
}
