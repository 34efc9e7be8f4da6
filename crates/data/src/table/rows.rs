//! The rows of one CSV file.

use std::io::Read;
use std::path::Path;

use csv::{ErrorKind, Position, ReaderBuilder, StringRecord, Trim};

use super::classes::Classes;
use crate::dataset::Split;
use crate::error::DataError;
use crate::stream::check_count;
use crate::text::{plain, plain_within};

/// The names of a column of labels that need not be given, whether in capitals or not.
pub const LABEL_COLUMNS: [&str; 4] = ["label", "class", "target", "y"];

/// The most columns that a message shows.
const SHOWN: usize = 12;

/// The most characters of a value in a message.
const SHOWN_CHARACTERS: usize = 40;

/// A table without its column of labels.
pub(super) struct Table {
    pub(super) columns: Vec<String>,
    pub(super) rows: Rows,
}

/// The numbers of all rows, and the number of the label of each, as [`Classes`] has it.
pub(super) struct Rows {
    values: Vec<f32>,
    labels: Vec<u8>,
}

impl Rows {
    /// Returns the rows as a split; `order` has the class of every label.
    pub(super) fn split(self, order: &[u8]) -> Split {
        let labels = self.labels.iter().map(|label| order[usize::from(*label)]);
        Split { labels: labels.collect(), images: self.values.into() }
    }
}

impl Table {
    /// Reads a file. Labels are added to `classes`.
    ///
    /// # Errors
    /// As [`super::load`].
    pub(super) fn read(
        path: &Path,
        source: impl Read,
        label_column: Option<&str>,
        classes: &mut Classes,
    ) -> Result<Self, DataError> {
        let refuse = |reason: String| DataError::format(path, reason);
        let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(source);
        let header = reader.headers().map_err(|error| unread(path, error))?.clone();
        let label = label_of(&header, label_column).map_err(refuse)?;
        let (mut values, mut labels) = (vec![], vec![]);
        let mut record = StringRecord::new();
        while reader.read_record(&mut record).map_err(|error| unread(path, error))? {
            let line = record.position().map_or(0, Position::line);
            let at = |column: usize, reason: String| {
                let name = plain_within(&header[column], SHOWN_CHARACTERS);
                refuse(format!("line {line}, column {name}: {reason}"))
            };
            for (column, text) in record.iter().enumerate() {
                if column == label {
                    let number = if text.is_empty() {
                        Err("the label is missing; put it in or remove the row".into())
                    } else {
                        classes.number(text)
                    };
                    labels.push(number.map_err(|reason| at(column, reason))?);
                } else {
                    values.push(number(text).map_err(|reason| at(column, reason))?);
                }
            }
            check_count(values.len()).map_err(refuse)?;
        }
        if labels.is_empty() {
            return Err(refuse("it has no rows after its header".into()));
        }
        let named = header.iter().enumerate().filter(|(column, _)| *column != label);
        let columns = named.map(|(_, name)| name.to_owned()).collect();
        Ok(Self { columns, rows: Rows { values, labels } })
    }
}

/// Parses a value.
fn number(text: &str) -> Result<f32, String> {
    let remedy = "put a number in or remove the row";
    if text.is_empty() {
        return Err(format!("the value is missing; {remedy}"));
    }
    let shown = || plain_within(text, SHOWN_CHARACTERS);
    match text.parse::<f32>() {
        Ok(number) if number.is_finite() => Ok(number),
        Ok(_) => Err(format!("{} is not finite, or too large for f32; {remedy}", shown())),
        Err(_) => {
            Err(format!("{} is not a number; {remedy}, or write the column as numbers", shown()))
        }
    }
}

/// Returns the place of the column with the labels.
fn label_of(header: &StringRecord, name: Option<&str>) -> Result<usize, String> {
    if header.len() < 2 {
        let reason = "its header has fewer than two columns; expected the names of the columns, with commas between \
                      them, one of them with the labels";
        return Err(reason.into());
    }
    if let Some(at) = header.iter().position(str::is_empty) {
        return Err(format!(
            "column {} has no name; if it numbers the rows, leave it out (pandas: to_csv(index=False)), otherwise \
             name it",
            at + 1
        ));
    }
    let is_label = |column: &str| match name {
        Some(name) => column == name,
        None => LABEL_COLUMNS.iter().any(|label| column.eq_ignore_ascii_case(label)),
    };
    let found: Vec<usize> = (0..header.len()).filter(|at| is_label(&header[*at])).collect();
    let names: Vec<&str> = header.iter().take(SHOWN).collect();
    let more = if header.len() > SHOWN { ", …" } else { "" };
    let columns = format!("{}{more}", names.join(", "));
    match (&found[..], name) {
        ([only], _) => Ok(*only),
        ([], Some(name)) => Err(plain(&format!("no column {name}; it has: {columns}"))),
        ([], None) => Err(plain(&format!(
            "no column is called {}; name the one with the labels with --label-column; it has: {columns}",
            LABEL_COLUMNS.join(", ")
        ))),
        (_, Some(name)) => Err(plain(&format!("several columns are called {name}: {columns}"))),
        (several, None) => {
            let names: Vec<&str> = several.iter().map(|at| &header[*at]).collect();
            let names = names.join(", ");
            Err(plain(&format!(
                "several columns may have the labels: {names}; name one with --label-column"
            )))
        }
    }
}

fn unread(path: &Path, error: csv::Error) -> DataError {
    let line = |position: &Option<Position>| position.as_ref().map_or(0, Position::line);
    let reason = match error.kind() {
        ErrorKind::Utf8 { pos, .. } => {
            format!("line {}: it is not text in UTF-8; save the file as UTF-8", line(pos))
        }
        ErrorKind::UnequalLengths { pos, expected_len, len } => {
            format!("line {}: it has {len} values, but the header has {expected_len}", line(pos))
        }
        _ => match error.into_kind() {
            ErrorKind::Io(source) => return DataError::io("read", path, source),
            _ => "it is not a CSV file".into(),
        },
    };
    DataError::format(path, reason)
}
