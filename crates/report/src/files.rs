//! What a comparison leaves in its folder.

use std::path::Path;

use serde::Serialize;

use crate::arrow::arrow_of_csv;
use crate::{Comparison, ReportError, limits};

/// Writes `statistics.csv` and, of several methods, `differences.csv`, and every table of the folder as an Arrow file too.
///
/// # Errors
/// A file cannot be read or written.
pub fn write_comparison(comparison: &Comparison, folder: &Path) -> Result<(), ReportError> {
    let cycles = folder.join("cycles.csv");
    let rows = rayclip_data::read_whole(&cycles, limits::CLIPS_BYTES)
        .map_err(|source| ReportError::Io { path: cycles.clone(), source })?;
    write_arrow(&rows, &cycles)?;
    write_table(&comparison.statistics(), &folder.join("statistics.csv"))?;
    match comparison.differences().as_slice() {
        // One method alone, or no seed in common.
        [] => Ok(()),
        differences => write_table(differences, &folder.join("differences.csv")),
    }
}

/// Writes rows as the CSV file `path`, and beside it as an Arrow file.
///
/// # Errors
/// A file cannot be written, or a row is no row of a CSV file.
pub fn write_table(rows: &[impl Serialize], path: &Path) -> Result<(), ReportError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row).map_err(|error| ReportError::Format {
            path: path.to_path_buf(),
            reason: error.to_string(),
        })?;
    }
    write_csv(&bytes_of(writer, path)?, path)
}

/// What a writer of the table `path` holds.
///
/// # Errors
/// Its last rows cannot be written.
pub(crate) fn bytes_of(writer: csv::Writer<Vec<u8>>, path: &Path) -> Result<Vec<u8>, ReportError> {
    let failed = |source| ReportError::Write { path: path.to_path_buf(), source };
    writer.into_inner().map_err(|error| failed(error.into_error()))
}

/// Writes a table as the CSV file `path`, and beside it as an Arrow file.
///
/// # Errors
/// A file cannot be written.
pub fn write_csv(csv: &[u8], path: &Path) -> Result<(), ReportError> {
    write(path, csv)?;
    write_arrow(csv, path)
}

fn write_arrow(csv: &[u8], path: &Path) -> Result<(), ReportError> {
    let damaged = |reason: String| ReportError::Format { path: path.to_path_buf(), reason };
    let bytes = arrow_of_csv(csv).map_err(|error| damaged(error.to_string()))?;
    write(&path.with_extension("arrow"), &bytes)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    rayclip_data::write_whole(path, bytes)
        .map_err(|source| ReportError::Write { path: path.to_path_buf(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_is_none_is_named_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let nested = [std::collections::BTreeMap::from([("a", 1)])];
        let refused = write_table(&nested, &folder.path().join("odd.csv")).unwrap_err();
        assert!(refused.to_string().contains("odd.csv"), "{refused}");
    }
}
