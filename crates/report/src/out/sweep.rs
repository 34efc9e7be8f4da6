//! Writes the tables of a sweep.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, StringArray};
use arrow_schema::{DataType, Field, FieldRef};
use rayclip_data::Dir;
use rayclip_run_folder::{CycleRow, presets};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use toml::Value;

use crate::compare::sweep::SweepCell;
use crate::error::ReportError;
use crate::out::arrow;
use crate::out::table_files::{csv, format_of, write};

/// How a cell ended.
#[derive(Serialize, Deserialize)]
struct End {
    outcome: Outcome,
    error: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    Finished,
    Failed,
}

/// A row of a table whose first columns name its cell.
#[derive(Serialize)]
struct OfCell<'a, T> {
    cell: &'a str,
    values: &'a [String],
    row: T,
}

/// Writes `sweep.csv` (and `.arrow`): every row of every cell's `cycles.csv`, with the cell's id and the values of
/// `keys`. Writes `cells.csv` (and `.arrow`): how every cell ended.
///
/// # Errors
/// A file cannot be written, or a value is not of its key's type.
pub fn write_sweep(keys: &[&str], cells: &[SweepCell], folder: &Path) -> Result<(), ReportError> {
    let folder = Dir::from(folder);
    let (mut rows, mut ends) = (vec![], vec![]);
    for SweepCell { id: cell, values, run } in cells {
        let (outcome, error) = match run {
            Ok(_) => (Outcome::Finished, None),
            Err(error) => (Outcome::Failed, Some(error.clone())),
        };
        ends.push(OfCell { cell, values, row: End { outcome, error } });
        let own = run.iter().flat_map(|run| &run.rows);
        rows.extend(own.map(|row| OfCell { cell, values, row }));
    }
    if cells.iter().any(|cell| cell.run.is_ok()) {
        write_rows::<CycleRow, _>(&folder, "sweep.csv", keys, &rows)?;
    }
    write_rows::<End, _>(&folder, "cells.csv", keys, &ends)
}

/// Writes rows `T` with the cells that they belong to.
fn write_rows<T: DeserializeOwned, R: Serialize>(
    folder: &Dir,
    name: &str,
    keys: &[&str],
    rows: &[OfCell<'_, R>],
) -> Result<(), ReportError> {
    let name = Path::new(name);
    let tables = || -> Result<(Vec<u8>, Vec<u8>), String> {
        let own = arrow::columns::<T>()?;
        let mut columns = vec![Arc::new(Field::new("cell", DataType::Utf8, false))];
        columns.extend(keys.iter().map(|key| key_column(key, &own)));
        let ids = rows.iter().map(|row| row.cell);
        let mut arrays: Vec<ArrayRef> = vec![Arc::new(StringArray::from_iter_values(ids))];
        for (index, column) in columns[1..].iter().enumerate() {
            let values = rows.iter().map(|row| row.values[index].as_str());
            arrays.push(key_array(column, &values.collect::<Vec<_>>())?);
        }
        let plain: Vec<&R> = rows.iter().map(|row| &row.row).collect();
        arrays.extend(arrow::arrays(&own, &plain)?);
        columns.extend(own);
        let heads: Vec<&str> = columns.iter().map(|column| column.name().as_str()).collect();
        let csv = csv(&heads, rows)?;
        Ok((csv, arrow::file(columns, arrays).map_err(|error| error.to_string())?))
    };
    let (csv, arrow) = tables().map_err(format_of(folder, name))?;
    write(folder, name, &csv)?;
    write(folder, &name.with_extension("arrow"), &arrow)
}

/// Returns the column of a swept key. Its type is that of the key's value in the preset. If a column of the rows
/// has the same name (`seed`), the key's column gets another name.
fn key_column(key: &str, own: &[FieldRef]) -> FieldRef {
    let is_own = own.iter().any(|column| column.name() == key);
    let name = if is_own { format!("grid.{key}") } else { key.to_owned() };
    let data_type = match presets::default_value(key) {
        Some(Value::Float(_)) => DataType::Float64,
        Some(Value::Integer(_)) => DataType::Int64,
        _ => DataType::Utf8,
    };
    Arc::new(Field::new(name, data_type, false))
}

/// Returns the values of a swept key.
///
/// # Errors
/// A value is not of the key's type.
fn key_array(column: &Field, values: &[&str]) -> Result<ArrayRef, String> {
    fn parsed<T: std::str::FromStr>(column: &Field, values: &[&str]) -> Result<Vec<T>, String> {
        let parse = |value: &&str| {
            value.parse().map_err(|_| format!("{} has the value {value}", column.name()))
        };
        values.iter().map(parse).collect()
    }
    Ok(match column.data_type() {
        DataType::Float64 => Arc::new(Float64Array::from(parsed::<f64>(column, values)?)),
        DataType::Int64 => Arc::new(Int64Array::from(parsed::<i64>(column, values)?)),
        _ => Arc::new(StringArray::from_iter_values(values)),
    })
}

#[cfg(test)]
mod tests {
    use std::fs::{File, read_to_string};

    use arrow_ipc::reader::FileReader;

    use super::*;
    use crate::compare::sweep::tests::cell;

    fn types(path: &Path) -> Vec<(String, DataType)> {
        let reader = FileReader::try_new(File::open(path).unwrap(), None).unwrap();
        let fields = reader.schema().fields().clone();
        fields.iter().map(|field| (field.name().clone(), field.data_type().clone())).collect()
    }

    #[test]
    fn one_table_holds_every_row_of_every_cell() {
        let folder = tempfile::tempdir().unwrap();
        let mut cells = [cell("a", 0.7), cell("b", 0.8), cell("c", 0.0)];
        cells[2].run = Err("no memory".into());
        let values = [["0.5", "3", "neuron"], ["1", "4", "coefficient"], ["1", "5", "neuron"]];
        for (cell, values) in cells.iter_mut().zip(values) {
            cell.values = values.map(str::to_owned).to_vec();
        }
        let keys = ["compression.lambda", "seed", "compression.domain"];
        write_sweep(&keys, &cells, folder.path()).unwrap();
        let text = read_to_string(folder.path().join("sweep.csv")).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with(
            "cell,compression.lambda,grid.seed,compression.domain,replica,method,seed,cycle,group,"
        ));
        assert_eq!(lines.len(), 5, "{text}");
        assert!(lines[1].starts_with("a,0.5,3,neuron,0,dtc,0,0,layer_0,100,50,"), "{text}");
        assert!(lines[4].starts_with("b,1,4,coefficient,0,dtc,0,1,layer_0,50,25,"), "{text}");
        let text = read_to_string(folder.path().join("cells.csv")).unwrap();
        let expected = "cell,compression.lambda,seed,compression.domain,outcome,error\n\
                        a,0.5,3,neuron,finished,\nb,1,4,coefficient,finished,\nc,1,5,neuron,failed,no memory\n";
        assert_eq!(text, expected);
        let own = |name: &str, data_type| (name.to_owned(), data_type);
        let found = types(&folder.path().join("sweep.arrow"));
        let expected = [
            own("cell", DataType::Utf8),
            own("compression.lambda", DataType::Float64),
            own("grid.seed", DataType::Int64),
            own("compression.domain", DataType::Utf8),
            own("replica", DataType::Int64),
        ];
        assert_eq!(found[..5], expected);
        assert_eq!(
            types(&folder.path().join("cells.arrow"))[4..],
            [own("outcome", DataType::Utf8), own("error", DataType::Utf8),]
        );
        cells[0].values[0] = "many".into();
        let refused = write_sweep(&keys, &cells, folder.path()).unwrap_err().to_string();
        assert!(refused.contains("compression.lambda has the value many"), "{refused}");
    }
}
