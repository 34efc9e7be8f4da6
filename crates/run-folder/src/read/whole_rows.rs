//! Reads tables in which some rows may be damaged.

use rayclip_data::plain;
use serde::de::DeserializeOwned;

/// The complete rows of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeRows<T> {
    /// These rows, in the order of the file.
    pub rows: Vec<T>,
    /// What is wrong with the first damaged row, or with the table.
    pub damaged: Option<String>,
}

/// Reads the complete rows of a CSV file with a header.
pub fn whole_rows<T: DeserializeOwned>(csv: &[u8]) -> WholeRows<T> {
    let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(csv);
    let (mut rows, mut damaged) = (vec![], None);
    for row in reader.deserialize() {
        match row {
            Ok(row) => rows.push(row),
            Err(error) => {
                damaged.get_or_insert_with(|| plain(&error.to_string()));
            }
        }
    }
    WholeRows { rows, damaged }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_whole_are_read_beside_one_that_is_not() {
        let WholeRows { rows, damaged } = whole_rows::<(usize, f64)>(b"a,b\n1,2\n3\n4,x\n5,6\n");
        assert_eq!(rows, [(1, 2.0), (5, 6.0)]);
        assert!(damaged.unwrap().contains("line"));
    }
}
