//! Rows as CSV and back; numbers survive to the bit.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::TrainerError;

/// A table with a header; no row gives no header either.
///
/// # Errors
/// A row is not flat.
pub(crate) fn to_csv(rows: &[impl Serialize]) -> Result<Vec<u8>, TrainerError> {
    let encode = |reason: String| TrainerError::Encode { what: "a table", reason };
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row).map_err(|error| encode(error.to_string()))?;
    }
    writer.into_inner().map_err(|error| encode(error.to_string()))
}

/// The header alone of a table with rows like this one.
///
/// # Errors
/// As [`to_csv`].
pub(crate) fn header(like: &impl Serialize) -> Result<Vec<u8>, TrainerError> {
    let mut bytes = to_csv(&[like])?;
    bytes.truncate(bytes.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1));
    Ok(bytes)
}

/// The rows of a table with a header.
///
/// # Errors
/// A row is not whole.
pub(crate) fn from_csv<T: DeserializeOwned>(bytes: &[u8]) -> Result<Vec<T>, String> {
    let rows = csv::Reader::from_reader(bytes).into_deserialize();
    rows.collect::<Result<_, csv::Error>>().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CycleRow;

    #[test]
    fn every_bit_of_a_row_survives() {
        let row = CycleRow {
            method: "dtc-l2".into(),
            seed: u64::MAX,
            sparsity: 0.1 + 0.2,
            accuracy_before_clip: Some(f64::MIN_POSITIVE / 3.0),
            accuracy_after_clip: 1.0 / 3.0,
            train_loss: 1e300 / 7.0,
            solver_status: Some(cs_solver::Status::MaxIterations),
            solver_flops: Some(-0.0),
            ..CycleRow::default()
        };
        let rows = vec![row, CycleRow::default()];
        let read: Vec<CycleRow> = from_csv(&to_csv(&rows).unwrap()).unwrap();
        assert_eq!(read, rows);
        assert!(read[0].solver_flops.unwrap().is_sign_negative());
        assert_eq!(from_csv::<CycleRow>(b"").unwrap(), []);
        assert_eq!(from_csv::<CycleRow>(&header(&rows[0]).unwrap()).unwrap(), []);
        assert!(from_csv::<CycleRow>(b"replica,method\n1").is_err());
    }
}
