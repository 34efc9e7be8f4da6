//! What a comparison leaves in its folder.

use std::path::Path;

use rayclip_data::Dir;
use serde::Serialize;

use crate::arrow::arrow_of_csv;
use crate::{Comparison, ReportError, limits};

/// Writes `statistics.csv` and, of several methods, `differences.csv`, and every table of the folder as an Arrow file too.
///
/// # Errors
/// A file cannot be read or written.
pub fn write_comparison(comparison: &Comparison, folder: &Path) -> Result<(), ReportError> {
    let cycles = Path::new("cycles.csv");
    let path = folder.join(cycles);
    let rows = rayclip_data::read_whole(&path, limits::CLIPS_BYTES)
        .map_err(|source| ReportError::Io { path, source })?;
    write_arrow(&rows, &Dir::from(folder), cycles)?;
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
    let (folder, name) = of_file(path)?;
    write_table_in(&folder, name, rows)
}

/// As [`write_table`], the file `name` of a folder.
///
/// # Errors
/// As [`write_table`].
pub(crate) fn write_table_in(
    folder: &Dir,
    name: &Path,
    rows: &[impl Serialize],
) -> Result<(), ReportError> {
    let path = folder.path().join(name);
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row).map_err(|error| ReportError::Format {
            path: path.clone(),
            reason: error.to_string(),
        })?;
    }
    write_csv_in(folder, name, &bytes_of(writer, &path)?)
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
    let (folder, name) = of_file(path)?;
    write_csv_in(&folder, name, csv)
}

fn write_csv_in(folder: &Dir, name: &Path, csv: &[u8]) -> Result<(), ReportError> {
    write(folder, name, csv)?;
    write_arrow(csv, folder, name)
}

fn write_arrow(csv: &[u8], folder: &Dir, name: &Path) -> Result<(), ReportError> {
    let bytes = arrow_of_csv(csv).map_err(|error| ReportError::Format {
        path: folder.path().join(name),
        reason: error.to_string(),
    })?;
    write(folder, &name.with_extension("arrow"), &bytes)
}

/// The folder of a file, and its name.
fn of_file(path: &Path) -> Result<(Dir, &Path), ReportError> {
    let (folder, name) = Dir::of_file(path)
        .map_err(|source| ReportError::Write { path: path.to_path_buf(), source })?;
    Ok((folder, name.as_ref()))
}

/// Writes a file of a folder, through no link in it.
pub(crate) fn write(folder: &Dir, name: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    let written = folder.write(name, bytes, true);
    written.map_err(|source| ReportError::Write { path: folder.path().join(name), source })
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
