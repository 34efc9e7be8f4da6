//! Writes tables as Arrow files (Feather version 2), which pandas, polars and R read with their types.
//!
//! The type of the rows decides the types of the columns, not the values: counts are `Int64`, seeds `UInt64`,
//! numbers `Float64`, names `Utf8`. A column that may be empty is nullable.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_arrow::schema::{SchemaLike, TracingOptions};

/// The column of the seeds, which may have any 64 bits.
const SEED: &str = "seed";

/// Returns the columns of a table with rows `T`, in their order.
///
/// # Errors
/// A row is not flat.
pub(super) fn columns<T: DeserializeOwned>() -> Result<Vec<FieldRef>, String> {
    let options = TracingOptions::default()
        .enums_without_data_as_strings(true)
        .strings_as_large_utf8(false)
        .sequence_as_large_list(false);
    let fields = Vec::<FieldRef>::from_type::<T>(options).map_err(|error| error.to_string())?;
    fields.into_iter().map(|field| column(&field)).collect()
}

/// Returns a column as it is written.
fn column(field: &Field) -> Result<FieldRef, String> {
    let data_type = match field.data_type() {
        // Every count fits `Int64`, and readers without unsigned numbers accept it.
        DataType::UInt64 if field.name() != SEED => DataType::Int64,
        // The names of the values of an enum.
        DataType::Dictionary(..) => DataType::Utf8,
        flat if flat.is_primitive() || matches!(flat, DataType::Utf8 | DataType::Boolean) => {
            flat.clone()
        }
        other => return Err(format!("the column {} is of the type {other}", field.name())),
    };
    Ok(Arc::new(Field::new(field.name(), data_type, field.is_nullable())))
}

/// Returns the values of some columns.
///
/// # Errors
/// A row does not have the types of the columns.
pub(super) fn arrays<T: Serialize>(
    columns: &[FieldRef],
    rows: &[T],
) -> Result<Vec<ArrayRef>, String> {
    serde_arrow::to_arrow(columns, rows).map_err(|error| error.to_string())
}

/// Returns the Arrow file of some columns.
///
/// # Errors
/// There is not exactly one array of the right type per column.
pub(super) fn file(columns: Vec<FieldRef>, arrays: Vec<ArrayRef>) -> Result<Vec<u8>, ArrowError> {
    let batch = RecordBatch::try_new(Arc::new(Schema::new(columns)), arrays)?;
    let mut writer = FileWriter::try_new(Vec::new(), &batch.schema())?;
    writer.write(&batch)?;
    writer.finish()?;
    writer.into_inner()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Float64Type, Int64Type, UInt64Type};
    use arrow_ipc::reader::FileReader;
    use rayclip_run_folder::config::SolverStatus;
    use rayclip_run_folder::{CycleRow, LatencyRow, TimingRow};

    use super::*;
    use crate::compare::comparison::Statistic;
    use crate::compare::ties::TiesRow;
    use crate::compare::verdict::Difference;
    use crate::cost::costs::CostRow;
    use crate::cost::widths::WidthRow;
    use crate::entropy::correlation::CorrelationRow;
    use crate::entropy::tracks::EntropyRow;
    use crate::figures::figure::PointRow;

    /// Returns the columns as `name type`, with `?` if a value may be missing.
    fn schema<T: DeserializeOwned>() -> String {
        let shown = |field: FieldRef| {
            let null = if field.is_nullable() { "?" } else { "" };
            format!("{} {}{null}", field.name(), field.data_type())
        };
        columns::<T>().unwrap().into_iter().map(shown).collect::<Vec<_>>().join(", ")
    }

    fn read(file: Vec<u8>) -> RecordBatch {
        FileReader::try_new(Cursor::new(file), None).unwrap().next().unwrap().unwrap()
    }

    #[test]
    fn values_and_gaps_survive_and_types_do_not_depend_on_them() {
        let row = CycleRow {
            method: "dtc".into(),
            seed: u64::MAX,
            accuracy_after_clip: 1.0,
            solver_status: Some(SolverStatus::MaxIterations),
            ties: Some(3),
            ..CycleRow::default()
        };
        for rows in [vec![], vec![CycleRow::default()], vec![row, CycleRow::default()]] {
            let columns = columns::<CycleRow>().unwrap();
            let arrays = arrays(&columns, &rows).unwrap();
            let batch = read(file(columns.clone(), arrays).unwrap());
            let column = |name: &str| batch.column_by_name(name).unwrap().clone();
            assert_eq!(batch.num_rows(), rows.len());
            assert_eq!(batch.schema().fields().len(), columns.len());
            for (index, row) in rows.iter().enumerate() {
                assert_eq!(column("method").as_string::<i32>().value(index), row.method);
                assert_eq!(column("seed").as_primitive::<UInt64Type>().value(index), row.seed);
                let accuracy = column("accuracy_after_clip");
                let accuracy = accuracy.as_primitive::<Float64Type>().value(index);
                assert_eq!(accuracy, row.accuracy_after_clip);
                let ties = column("ties").as_primitive::<Int64Type>().clone();
                assert_eq!(ties.is_valid(index).then(|| ties.value(index) as usize), row.ties);
                assert_eq!(column("macs").is_null(index), row.macs.is_none());
                let status = column("solver_status");
                let status = status.as_string::<i32>();
                let expected = row.solver_status.map(|_| "max-iterations");
                assert_eq!(status.is_valid(index).then(|| status.value(index)), expected);
            }
        }
    }

    #[test]
    fn the_rows_of_a_run_have_these_columns() {
        assert_eq!(
            schema::<CycleRow>(),
            "replica Int64, method Utf8, seed UInt64, cycle Int64, group Utf8, width_before Int64, \
             width_after Int64, sparsity Float64, accuracy_before_clip Float64?, \
             accuracy_after_clip Float64, accuracy_after_training Float64?, \
             validation_after_clip Float64?, validation_after_training Float64?, train_loss Float64?, \
             parameters Int64, at_once Int64?, solver Utf8, solver_iterations Int64?, \
             solver_status Utf8?, solver_flops Float64?, ties Int64?, bytes Int64?, macs Int64?, \
             batches Int64?, images Int64?, training_flops Float64?, full_width_flops Float64?"
        );
        assert_eq!(
            schema::<TimingRow>(),
            "replica Int64, cycle Int64, train_seconds Float64, compress_seconds Float64, \
             joules Float64?, score_seconds Float64?, solve_seconds Float64?"
        );
        assert_eq!(
            schema::<LatencyRow>(),
            "cycle Int64?, neurons Int64, images Int64, rounds Int64, median_ms Float64, \
             least_ms Float64, most_ms Float64"
        );
    }

    #[test]
    fn the_tables_of_a_report_have_these_columns() {
        let estimate = "n Int64, mean Float64, deviation Float64?, low Float64?, high Float64?";
        assert_eq!(
            schema::<Statistic>(),
            format!(
                "measure Utf8, method Utf8, cycle Int64, neurons Int64, sparsity Float64, {estimate}, \
                 image_error Float64?"
            )
        );
        assert_eq!(
            schema::<Difference>(),
            format!(
                "measure Utf8, method Utf8, baseline Utf8, cycle Int64, neurons Int64, \
                 sparsity Float64, {estimate}, p Float64?, p_equal Float64?, family Int64?, \
                 p_adjusted Float64?, low_adjusted Float64?, high_adjusted Float64?, margin Float64, \
                 within_margin Boolean?, verdict Utf8?, detectable Float64?, image_error Float64?"
            )
        );
        assert_eq!(
            schema::<WidthRow>(),
            "cycle Int64?, widths Utf8, neurons Int64, parameters Int64?, bytes Int64?, macs Int64?, \
             latency_ms Float64?, batch Int64?, batch_latency_ms Float64?"
        );
        assert_eq!(
            schema::<CostRow>(),
            "method Utf8, cycle Int64, neurons Int64, sparsity Float64, batches Int64?, \
             training_flops Float64?, solve_flops Float64, full_width_flops Float64?, saved Float64?, \
             train_seconds_share Float64?, full_width_seconds_share Float64?, score_seconds Float64?, \
             solve_seconds Float64?, joules_share Float64?"
        );
        assert_eq!(
            schema::<TiesRow>(),
            "method Utf8, group Utf8, cycle Int64, neurons Int64, n Int64, fraction Float64, \
             least Float64, most Float64"
        );
        assert_eq!(
            schema::<PointRow>(),
            "figure Utf8, panel Utf8, curve Utf8, x_label Utf8, y_label Utf8, x Float64, y Float64, \
             low Float64?, high Float64?, n Int64"
        );
    }

    #[test]
    fn the_tables_of_entropies_have_these_columns() {
        assert_eq!(
            schema::<EntropyRow>(),
            "method Utf8, seed UInt64, group Utf8, cycle Int64, sparsity Float64, side Utf8, \
             bin_width Float64, n Int64, inside Int64, bits Float64?, log2_n Float64, \
             log2_inside Float64?, uniform Float64?, uniform_deviation Float64?, gaussian Float64?, \
             gaussian_deviation Float64?"
        );
        assert_eq!(
            schema::<CorrelationRow>(),
            "method Utf8, group Utf8, side Utf8, bin_width Float64, accuracy_of Utf8, \
             smoothed Boolean, source Utf8, cycles Int64, seeds Int64, r Float64, low Float64?, \
             high Float64?, partial Float64?, partial_low Float64?, partial_high Float64?, \
             draw_deviation Float64?, excess Float64?, excess_low Float64?, excess_high Float64?, \
             p Float64?"
        );
    }

    #[test]
    fn a_row_that_is_not_flat_is_refused() {
        #[derive(serde::Deserialize)]
        struct Nested {
            #[expect(dead_code, reason = "the type alone is looked at")]
            widths: Vec<usize>,
        }
        let refused = columns::<Nested>().unwrap_err();
        assert!(refused.contains("the column widths"), "{refused}");
    }
}
