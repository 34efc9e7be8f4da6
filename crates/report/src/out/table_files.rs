//! Writes tables as CSV files, with Arrow files beside them.

use std::path::Path;

use arrow_schema::FieldRef;
use rayclip_data::Dir;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::ReportError;
use crate::out::arrow;

/// Writes rows as the CSV file `path`, and beside it as an Arrow file. The type of the rows decides the columns, so
/// a table without rows has them too.
///
/// # Errors
/// A file cannot be written, or a row does not fit a table.
pub fn write_table<T: Serialize + DeserializeOwned>(
    rows: &[T],
    path: &Path,
) -> Result<(), ReportError> {
    let (folder, name) = Dir::of_file(path)
        .map_err(|source| ReportError::Write { path: path.to_path_buf(), source })?;
    write_table_in(&folder, name.as_ref(), rows)
}

/// As [`write_table`], for the file `name` in a folder.
///
/// # Errors
/// As [`write_table`].
pub(super) fn write_table_in<T: Serialize + DeserializeOwned>(
    folder: &Dir,
    name: &Path,
    rows: &[T],
) -> Result<(), ReportError> {
    let columns = arrow::columns::<T>().map_err(format_of(folder, name))?;
    let heads: Vec<&str> = columns.iter().map(|column| column.name().as_str()).collect();
    write(folder, name, &csv(&heads, rows).map_err(format_of(folder, name))?)?;
    write_arrow_columns(folder, name, columns, rows)
}

/// Writes rows as the Arrow file beside the CSV file `name`.
///
/// # Errors
/// As [`write_table`].
pub(super) fn write_arrow<T: Serialize + DeserializeOwned>(
    folder: &Dir,
    name: &Path,
    rows: &[T],
) -> Result<(), ReportError> {
    let columns = arrow::columns::<T>().map_err(format_of(folder, name))?;
    write_arrow_columns(folder, name, columns, rows)
}

fn write_arrow_columns<T: Serialize>(
    folder: &Dir,
    name: &Path,
    columns: Vec<FieldRef>,
    rows: &[T],
) -> Result<(), ReportError> {
    let arrays = arrow::arrays(&columns, rows).map_err(format_of(folder, name))?;
    let bytes =
        arrow::file(columns, arrays).map_err(|error| format_of(folder, name)(error.to_string()))?;
    write(folder, &name.with_extension("arrow"), &bytes)
}

/// Returns the CSV table of some rows.
///
/// # Errors
/// A row does not have exactly one value per head.
pub(super) fn csv<T: Serialize>(heads: &[&str], rows: &[T]) -> Result<Vec<u8>, String> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    writer.write_record(heads).map_err(|error| error.to_string())?;
    for row in rows {
        writer.serialize(row).map_err(|error| error.to_string())?;
    }
    writer.into_inner().map_err(|error| error.error().to_string())
}

/// Returns a function that makes an error from the reason why a table cannot be written.
pub(super) fn format_of(folder: &Dir, name: &Path) -> impl Fn(String) -> ReportError {
    let path = folder.path().join(name);
    move |reason| ReportError::Format { path: path.clone(), reason }
}

/// Writes a file in a folder. Follows no link in the folder.
pub(super) fn write(folder: &Dir, name: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    let written = folder.write(name, bytes, true);
    written.map_err(|source| ReportError::Write { path: folder.path().join(name), source })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use rayclip_run_folder::TimingRow;

    use super::*;

    #[test]
    fn a_row_that_is_none_is_named_with_its_file() {
        #[derive(serde::Serialize, serde::Deserialize)]
        struct Nested {
            widths: BTreeMap<String, usize>,
        }
        let folder = tempfile::tempdir().unwrap();
        let refused = write_table::<Nested>(&[], &folder.path().join("odd.csv")).unwrap_err();
        assert!(refused.to_string().contains("odd.csv"), "{refused}");
    }

    #[test]
    fn a_table_without_rows_has_its_columns() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("timings.csv");
        let text = |rows: &[TimingRow]| {
            write_table(rows, &path).unwrap();
            assert!(path.with_extension("arrow").exists());
            fs::read_to_string(&path).unwrap()
        };
        let heads =
            "replica,cycle,train_seconds,compress_seconds,joules,score_seconds,solve_seconds\n";
        assert_eq!(text(&[]), heads);
        let row = TimingRow { replica: 1, train_seconds: 0.1, ..TimingRow::default() };
        assert_eq!(text(&[row]), format!("{heads}1,0,0.1,0.0,,,\n"));
    }
}
