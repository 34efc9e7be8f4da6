//! Reads a table of numbers with labels: a CSV file with a header, or a folder with `train.csv` and `test.csv`.
//!
//! One column has the labels, which are text or numbers. Every other column has finite numbers, which are kept as f32.
//! The classes are the labels of the training rows, sorted: as numbers if all are numbers, otherwise as text. Of a
//! single file, a part of every class is held out as test rows.

mod classes;
mod rows;

use std::io::Read;
use std::path::Path;

use self::classes::Classes;
use self::rows::{Rows, Table};
use crate::dataset::{Dataset, Split};
use crate::error::DataError;
use crate::held_out;
use crate::load_options::LoadOptions;
use crate::progress::Progress;
use crate::text::plain;
use crate::whole;

pub use rows::LABEL_COLUMNS;

/// The files of a folder with a split.
const SPLIT: [&str; 2] = ["train.csv", "test.csv"];

/// Returns whether a path has the name of a CSV file.
pub(crate) fn is_csv(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"))
}

/// Returns whether a folder has `train.csv`.
pub(crate) fn is_csv_folder(path: &Path) -> bool {
    path.join(SPLIT[0]).is_file()
}

/// Reads the data set in the CSV file or the folder `path`.
///
/// # Errors
/// A file cannot be read; or there is no label column; or a value is missing or not a finite number, with its line and
/// column; or there are fewer than two classes, or more than 256; or the files have different columns.
pub fn load(
    path: &Path,
    options: &LoadOptions,
    progress: &Progress<'_>,
) -> Result<Dataset, DataError> {
    let open =
        |path: &Path| whole::open(path).map_err(|source| DataError::io("open", path, source));
    let name = path.file_stem().map_or("table".into(), |name| name.to_string_lossy());
    let dataset = if is_csv(path) && path.is_file() {
        whole_table(open(path)?, path, &name, options)?
    } else {
        let [train, test] = SPLIT.map(|name| path.join(name));
        let mut classes = Classes::default();
        let of_train = read(&train, open(&train)?, options, &mut classes)?;
        progress(1, 2);
        classes.close();
        let of_test = read(&test, open(&test)?, options, &mut classes)?;
        progress(2, 2);
        if of_train.columns != of_test.columns {
            return Err(DataError::format(&test, other_columns(&of_train, &of_test)));
        }
        let (columns, class_names, order) = (of_train.columns, classes.names(), classes.order());
        let split = |rows: Rows| rows.split(&order);
        let (train, test) = (split(of_train.rows), split(of_test.rows));
        dataset(path, &name, (columns.len(), class_names), train, test)?
    };
    Ok(Dataset { folder: std::path::absolute(path).ok(), ..dataset })
}

/// As [`load`], from the bytes of one CSV file. Errors name `path`.
///
/// # Errors
/// As [`load`].
pub fn parse(bytes: &[u8], path: &Path, options: &LoadOptions) -> Result<Dataset, DataError> {
    whole_table(bytes, path, "table", options)
}

fn whole_table(
    source: impl Read,
    path: &Path,
    name: &str,
    options: &LoadOptions,
) -> Result<Dataset, DataError> {
    let mut classes = Classes::default();
    let table = read(path, source, options, &mut classes)?;
    let (columns, order) = (table.columns.len(), classes.order());
    let all = table.rows.split(&order);
    let (train, test) = held_out::split(&all, columns, options.test_fraction);
    dataset(path, name, (columns, classes.names()), train, test)
}

fn read(
    path: &Path,
    source: impl Read,
    options: &LoadOptions,
    classes: &mut Classes,
) -> Result<Table, DataError> {
    Table::read(path, source, options.label_column.as_deref(), classes)
}

/// Makes a data set of tables with this many columns and these classes.
fn dataset(
    path: &Path,
    name: &str,
    (columns, class_names): (usize, Vec<String>),
    train: Split,
    test: Split,
) -> Result<Dataset, DataError> {
    if let [only] = &class_names[..] {
        let reason = format!(
            "every label of the training rows is {}; at least two classes are needed",
            plain(only)
        );
        return Err(DataError::format(path, reason));
    }
    if test.is_empty() {
        let reason = "there are too few rows to hold some out as test rows; raise data.test, or use a folder with \
                      train.csv and test.csv";
        return Err(DataError::format(path, reason));
    }
    let dataset = Dataset::new(name, vec![columns], train, test)?;
    Ok(Dataset { class_names, ..dataset })
}

/// Returns the first difference of the columns of two tables.
fn other_columns(train: &Table, test: &Table) -> String {
    let (of_train, of_test) = (&train.columns, &test.columns);
    let place = of_train.iter().zip(of_test).position(|(a, b)| a != b);
    let reason = match place {
        Some(at) => format!("the column {} is {} in train.csv", of_test[at], of_train[at]),
        None => format!("it has {} columns, but train.csv has {}", of_test.len(), of_train.len()),
    };
    plain(&format!("{reason}; both files need the same columns in the same order"))
}

#[cfg(test)]
mod tests;
