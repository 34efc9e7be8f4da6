//! Reads the rows of `timings.csv`.

use std::path::Path;

use rayclip_data::read_whole;

use super::{WholeRows, whole_rows};
use crate::limits::{self, is_amount};
use crate::paths;
use crate::rows::TimingRow;

/// Reads the times of the cycles of a run. A row with a number beyond the [`limits`] is left out.
///
/// # Errors
/// The file cannot be read.
pub fn timings(folder: &Path) -> Result<WholeRows<TimingRow>, String> {
    let bytes = read_whole(&folder.join(paths::TIMINGS), limits::CLIPS_BYTES)
        .map_err(|error| format!("cannot be read: {error}"))?;
    let mut table = whole_rows::<TimingRow>(&bytes);
    table.rows.retain(is_possible);
    Ok(table)
}

fn is_possible(row: &TimingRow) -> bool {
    let optional = [row.joules, row.score_seconds, row.solve_seconds].into_iter().flatten();
    [row.train_seconds, row.compress_seconds].into_iter().chain(optional).all(is_amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_that_are_missing_are_empty_and_rows_that_cannot_be_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let read = |text: &str| {
            std::fs::write(folder.path().join(paths::TIMINGS), text).unwrap();
            timings(folder.path()).unwrap()
        };
        let head = "replica,cycle,train_seconds,compress_seconds,joules";
        let row = |table: WholeRows<TimingRow>| {
            assert_eq!((table.rows.len(), table.damaged), (1, None));
            (table.rows[0].score_seconds, table.rows[0].solve_seconds)
        };
        assert_eq!(row(read(&format!("{head}\n0,0,2,1,\n"))), (None, None));
        let more = format!("{head},score_seconds,solve_seconds\n");
        assert_eq!(row(read(&format!("{more}0,0,2,1,,0.5,0.25\n"))), (Some(0.5), Some(0.25)));
        assert_eq!(row(read(&format!("{more}0,0,2,1,,0.5,\n"))), (Some(0.5), None));
        for bad in ["0,0,NaN,1,", "0,0,2,1e300,", "0,0,2,1,inf"] {
            assert_eq!(read(&format!("{head}\n{bad}\n")).rows, []);
        }
        std::fs::remove_file(folder.path().join(paths::TIMINGS)).unwrap();
        assert!(timings(folder.path()).unwrap_err().contains("cannot be read"));
    }
}
