//! Writes the tables of a comparison into its folder.

use std::path::Path;

use rayclip_data::Dir;
use rayclip_run_folder::{paths, read};

use crate::compare::comparison::Comparison;
use crate::error::ReportError;
use crate::out::table_files::{write_arrow, write_table};

/// Writes `cycles.arrow`, `statistics.csv` and, for several methods, `differences.csv`. The last two are also
/// written as Arrow files.
///
/// # Errors
/// A file cannot be read or written.
pub fn write_comparison(comparison: &Comparison, folder: &Path) -> Result<(), ReportError> {
    let rows = read::cycles(folder)?.rows;
    write_arrow(&Dir::from(folder), paths::CYCLES.as_ref(), &rows)?;
    write_table(&comparison.statistics(), &folder.join("statistics.csv"))?;
    match comparison.differences().as_slice() {
        // There is only one method, or no seed in common.
        [] => Ok(()),
        differences => write_table(differences, &folder.join("differences.csv")),
    }
}
