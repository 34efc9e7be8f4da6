//! Reads the rows of `cycles.csv`.

use std::collections::BTreeSet;
use std::path::Path;

use rayclip_data::{plain, read_whole};

use super::{WholeRows, version_0_1, whole_rows};
use crate::error::RunFolderError;
use crate::limits::{self, is_amount};
use crate::paths;
use crate::rows::CycleRow;

/// The content of `cycles.csv`.
#[derive(Debug, Clone)]
pub struct Cycles {
    /// The complete rows.
    pub rows: Vec<CycleRow>,
    /// What is wrong with the first damaged row, and how many rows are complete; `None` if all are.
    pub damaged: Option<String>,
    /// Whether version 0.1 wrote the file. If so, it lacks the columns that [`complete_rows`](super::complete_rows)
    /// fills.
    pub is_version_0_1: bool,
}

/// Reads the rows of a run.
///
/// # Errors
/// The file cannot be read, lacks a column, has only damaged rows, or names more methods than a run can have.
pub fn cycles(folder: &Path) -> Result<Cycles, RunFolderError> {
    let path = folder.join(paths::CYCLES);
    let bytes =
        read_whole(&path, limits::CLIPS_BYTES).map_err(RunFolderError::io("read", &path))?;
    let format = |reason| RunFolderError::Format { path: path.clone(), reason };
    let of_version_0_1 = version_0_1::with_groups(&bytes);
    let is_version_0_1 = of_version_0_1.is_some();
    let WholeRows { mut rows, damaged } = whole_rows::<CycleRow>(&of_version_0_1.unwrap_or(bytes));
    if is_version_0_1 {
        version_0_1::name_groups(&mut rows);
    }
    rows.iter_mut().for_each(make_plain);
    let methods: BTreeSet<&str> = rows.iter().map(|row| row.method.as_str()).collect();
    if methods.len() > limits::METHODS {
        let (count, most) = (methods.len(), limits::METHODS);
        return Err(format(format!("{count} methods; a run has at most {most}")));
    }
    let damaged = match damaged {
        Some(reason) if rows.is_empty() => return Err(format(reason)),
        Some(reason) => Some(format!("{reason}; {} rows are complete", rows.len())),
        None => None,
    };
    Ok(Cycles { rows, damaged, is_version_0_1 })
}

/// Replaces control characters and drops a loss that is not a number within the limits.
fn make_plain(row: &mut CycleRow) {
    // The loss of a diverged replica may not be a number that can be drawn.
    row.train_loss = row.train_loss.filter(|loss| is_amount(*loss));
    for text in [&mut row.method, &mut row.group, &mut row.solver] {
        *text = plain(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "replica,method,seed,cycle,layer,width_before,width_after,sparsity,\
                        accuracy_after_clip,parameters";

    fn read(text: &str) -> Result<Cycles, RunFolderError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(paths::CYCLES), text).unwrap();
        cycles(folder.path())
    }

    #[test]
    fn a_loss_that_is_no_number_is_none() {
        let losses = ["NaN", "inf", "1e300", "0.5", ""];
        let rows = losses.map(|loss| format!("0,m,0,0,0,4,3,0.25,0.5,9,{loss}\n"));
        let rows = read(&format!("{HEAD},train_loss\n{}", rows.concat())).unwrap().rows;
        let found: Vec<Option<f64>> = rows.iter().map(|row| row.train_loss).collect();
        assert_eq!(found, [None, None, None, Some(0.5), None]);
    }

    #[test]
    fn a_file_of_too_many_methods_is_refused() {
        let rows = (0..33).map(|n| format!("0,m{n},0,0,0,4,3,0.25,0.5,9\n"));
        let message =
            read(&format!("{HEAD}\n{}", rows.collect::<String>())).unwrap_err().to_string();
        assert!(message.contains("cycles.csv: 33 methods; a run has at most 32"), "{message}");
    }

    #[test]
    fn what_an_earlier_version_did_not_write_stays_empty() {
        let cycles = |columns: &str, values: &str| {
            let cycles = read(&format!("{HEAD}{columns}\n0,dtc,0,0,0,4,3,0.25,0.5,9{values}\n"));
            cycles.unwrap()
        };
        let first = cycles("", "");
        assert!(first.is_version_0_1 && first.damaged.is_none());
        assert_eq!((first.rows[0].ties, first.rows[0].macs), (None, None));
        assert_eq!(first.rows[0].group, "layer_0");
        assert_eq!(cycles(",ties", ",2").rows[0].ties, Some(2));
        assert_eq!(cycles(",ties", ",0").rows[0].ties, Some(0));
    }

    #[test]
    fn a_damaged_row_is_reported_and_a_table_of_nothing_else_is_refused() {
        let cycles = read(&format!("{HEAD}\n0,m,0,0,0,4,3,0.25,0.5,9\n0,m\n")).unwrap();
        assert!(cycles.damaged.unwrap().ends_with("1 rows are complete"));
        let message = read("replica,cycle\n0,zero\n").unwrap_err().to_string();
        assert!(message.contains("cycles.csv: "), "{message}");
        assert!(read("").unwrap().rows.is_empty());
    }
}
