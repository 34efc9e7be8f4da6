//! Tables as Arrow files (Feather version 2), which pandas, polars and R read with their types.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_ipc::writer::FileWriter;
use arrow_schema::ArrowError;

/// The Arrow file of a CSV table.
///
/// A column is of integers, else of floats, where every value that is there is one; else of text. An
/// empty value is a null, and a column without any value is one of floats.
///
/// # Errors
/// The CSV is damaged.
pub fn arrow_of_csv(csv: &[u8]) -> Result<Vec<u8>, ArrowError> {
    let damaged = |error: csv::Error| ArrowError::CsvError(error.to_string());
    let mut reader = csv::Reader::from_reader(csv);
    let names: Vec<String> = reader.headers().map_err(damaged)?.iter().map(str::to_owned).collect();
    let mut columns: Vec<Vec<Option<String>>> = vec![vec![]; names.len()];
    for record in reader.records() {
        for (column, value) in columns.iter_mut().zip(&record.map_err(damaged)?) {
            column.push((!value.is_empty()).then(|| value.to_owned()));
        }
    }
    let arrays = names.iter().zip(columns).map(|(name, column)| (name, array(&column), true));
    let batch = RecordBatch::try_from_iter_with_nullable(arrays)?;
    let mut writer = FileWriter::try_new(Vec::new(), &batch.schema())?;
    writer.write(&batch)?;
    writer.finish()?;
    writer.into_inner()
}

fn array(values: &[Option<String>]) -> ArrayRef {
    let integers = parsed::<i64>(values).filter(|all| all.iter().any(Option::is_some));
    if let Some(integers) = integers {
        return Arc::new(Int64Array::from(integers));
    }
    match parsed::<f64>(values) {
        Some(reals) => Arc::new(Float64Array::from(reals)),
        None => Arc::new(StringArray::from(values.to_vec())),
    }
}

/// All values as `T`; nothing if one is none.
fn parsed<T: std::str::FromStr>(values: &[Option<String>]) -> Option<Vec<Option<T>>> {
    let parse = |value: &Option<String>| value.as_ref().map(|text| text.parse()).transpose().ok();
    let parsed: Vec<Option<T>> = values.iter().map(parse).collect::<Option<_>>()?;
    Some(parsed)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Float64Type, Int64Type};
    use arrow_ipc::reader::FileReader;

    use super::*;

    #[test]
    fn types_and_gaps_survive() {
        let csv = b"method,seed,accuracy,empty\ndtc,1,0.5,\nl2,2,,\n";
        let file = arrow_of_csv(csv).unwrap();
        let batch = FileReader::try_new(Cursor::new(file), None).unwrap().next().unwrap().unwrap();
        let column = |name: &str| batch.column_by_name(name).unwrap().clone();
        assert_eq!(column("method").as_string::<i32>().value(1), "l2");
        assert_eq!(column("seed").as_primitive::<Int64Type>().value(0), 1);
        let accuracy = column("accuracy");
        assert_eq!(accuracy.as_primitive::<Float64Type>().value(0), 0.5);
        assert!(accuracy.is_null(1));
        assert!(column("empty").as_primitive::<Float64Type>().is_null(0));
    }

    #[test]
    fn a_table_without_rows_is_one_too() {
        assert!(arrow_of_csv(b"a,b\n").is_ok());
        assert!(arrow_of_csv(b"a,b\n1\n").is_err());
    }
}
