//! The cells of a sweep in one table.

use std::path::Path;

use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;

use crate::comparison::{Comparison, Measure};
use crate::comparison_table::estimate_cell;
use crate::statistics::Estimate;
use crate::table::align_right;
use crate::{ReportError, Run, write_csv};

/// A cell of a sweep.
#[derive(Debug, Clone)]
pub struct SweepCell {
    /// The name of its folder.
    pub id: String,
    /// The values of the swept keys.
    pub values: Vec<String>,
    /// Its run; the error where there is none.
    pub run: Result<Run, String>,
}

/// One method of a cell at the width that cells are compared at.
#[derive(Debug, Clone)]
pub struct SweepResult {
    /// The cell's place.
    pub cell: usize,
    /// The method.
    pub method: String,
    /// Hidden neurons.
    pub neurons: usize,
    /// Batches that the network was trained on.
    pub batches: usize,
    /// Accuracy on the images held out, after the training that follows the clip: what to choose by.
    pub validation: Option<Estimate>,
    /// Accuracy on the test images: what to report of the chosen one.
    pub test: Option<Estimate>,
}

/// The results of all cells, best first by validation accuracy; those without one come last.
///
/// A cell counts with its first network of at most `neurons` hidden neurons, or its last one.
///
/// # Errors
/// A run has no row.
pub fn sweep_results(
    cells: &[SweepCell],
    neurons: Option<usize>,
) -> Result<Vec<SweepResult>, ReportError> {
    let mut results = Vec::new();
    for (place, cell) in cells.iter().enumerate() {
        let Ok(run) = &cell.run else { continue };
        let comparison = Comparison::of(std::slice::from_ref(run))?;
        for (method, name) in comparison.methods.iter().enumerate() {
            let at = |measure| {
                let small = |cycle: &&usize| {
                    let rung = &comparison.rungs[*cycle];
                    neurons.is_none_or(|neurons| rung.neurons() <= neurons)
                };
                let measured = comparison
                    .rungs
                    .keys()
                    .filter(|cycle| comparison.estimate(measure, **cycle, method).is_some());
                let cycle = match neurons {
                    Some(_) => measured.clone().find(small),
                    None => measured.clone().next_back(),
                };
                cycle.copied().and_then(|c| Some((c, comparison.estimate(measure, c, method)?)))
            };
            let Some((cycle, test)) = at(Measure::AccuracyAfterTraining) else { continue };
            let batches = run.config.get("training").and_then(|t| t.get("batches_per_cycle"));
            let batches = batches.and_then(toml::Value::as_integer).unwrap_or_default() as usize;
            results.push(SweepResult {
                cell: place,
                method: name.clone(),
                neurons: comparison.rungs[&cycle].neurons(),
                batches: batches * (cycle + 2),
                validation: at(Measure::ValidationAfterTraining).map(|(_, estimate)| estimate),
                test: Some(test),
            });
        }
    }
    let key = |result: &SweepResult| result.validation.map_or(f64::NEG_INFINITY, |v| v.mean);
    results.sort_by(|a, b| key(b).total_cmp(&key(a)));
    Ok(results)
}

/// The best `count` results with the values of `keys`; the test accuracy of the first alone.
pub fn sweep_table(
    keys: &[&str],
    cells: &[SweepCell],
    results: &[SweepResult],
    count: usize,
) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    let last = ["method", "neurons", "batches", "validation", "test"];
    table.set_header(keys.iter().copied().chain(last));
    align_right(&mut table);
    for (rank, result) in results.iter().take(count).enumerate() {
        let test = if rank == 0 { estimate_cell(result.test, 0) } else { String::new() };
        let last = [
            result.method.clone(),
            result.neurons.to_string(),
            result.batches.to_string(),
            estimate_cell(result.validation, 0),
            test,
        ];
        table.add_row(cells[result.cell].values.iter().cloned().chain(last));
    }
    table
}

/// Writes `sweep.csv` (and `.arrow`): every row of every cell's `cycles.csv`, with the cell's id and the
/// values of `keys`; and `cells.csv` (and `.arrow`): how every cell ended.
///
/// # Errors
/// A file cannot be read or written.
pub fn write_sweep(keys: &[&str], cells: &[SweepCell], folder: &Path) -> Result<(), ReportError> {
    let mut rows = csv::Writer::from_writer(Vec::new());
    let mut ends = csv::Writer::from_writer(Vec::new());
    let failed = |error: csv::Error| ReportError::Format {
        path: folder.join("sweep.csv"),
        reason: error.to_string(),
    };
    let own = |cell: &SweepCell| std::iter::once(cell.id.clone()).chain(cell.values.clone());
    let head = || std::iter::once("cell").chain(keys.iter().copied());
    ends.write_record(head().chain(["outcome", "error"])).map_err(failed)?;
    let mut has_header = false;
    for cell in cells {
        let end = match &cell.run {
            Ok(_) => ["finished".to_owned(), String::new()],
            Err(error) => ["failed".to_owned(), error.clone()],
        };
        ends.write_record(own(cell).chain(end)).map_err(failed)?;
        let Ok(run) = &cell.run else { continue };
        let path = run.folder.join("cycles.csv");
        let mut reader = csv::Reader::from_path(&path).map_err(failed)?;
        if !has_header {
            let header = reader.headers().map_err(failed)?.clone();
            rows.write_record(head().chain(header.iter())).map_err(failed)?;
            has_header = true;
        }
        for record in reader.records() {
            let record = record.map_err(failed)?;
            rows.write_record(own(cell).chain(record.iter().map(str::to_owned))).map_err(failed)?;
        }
    }
    let bytes = |writer: csv::Writer<Vec<u8>>| writer.into_inner().expect("memory takes every row");
    if has_header {
        write_csv(&bytes(rows), &folder.join("sweep.csv"))?;
    }
    write_csv(&bytes(ends), &folder.join("cells.csv"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Clip;
    use crate::table::tests::{clip, run_of};

    fn cell(id: &str, validation: f64) -> SweepCell {
        let clips = [(0, 100, 50), (1, 50, 25)].map(|(cycle, before, after)| Clip {
            accuracy_after_training: Some(0.5),
            validation_after_training: Some(validation - 0.1 * cycle as f64),
            ..clip(0, cycle, before, after, 0.9)
        });
        let mut run = run_of(clips.to_vec());
        run.config = "[training]\nbatches_per_cycle = 7".parse().unwrap();
        SweepCell { id: id.into(), values: vec![id.to_uppercase()], run: Ok(run) }
    }

    #[test]
    fn the_best_is_chosen_by_the_images_held_out() {
        let failed =
            SweepCell { id: "c".into(), values: vec!["C".into()], run: Err("no memory".into()) };
        let cells = [cell("a", 0.7), failed, cell("b", 0.8)];
        let results = sweep_results(&cells, None).unwrap();
        let order: Vec<_> = results.iter().map(|r| (r.cell, r.neurons, r.batches)).collect();
        assert_eq!(order, [(2, 25, 21), (0, 25, 21)]);
        assert_eq!(sweep_results(&cells, Some(60)).unwrap()[0].neurons, 50);
        let text = sweep_table(&["key"], &cells, &results, 5).to_string();
        assert_eq!(text.matches("0.5000").count(), 1, "{text}");
    }

    #[test]
    fn one_table_holds_every_row_of_every_cell() {
        let folder = tempfile::tempdir().unwrap();
        let mut cells = [cell("a", 0.7), cell("b", 0.8)];
        for cell in &mut cells {
            let run = cell.run.as_mut().unwrap();
            run.folder = folder.path().join(&cell.id);
            std::fs::create_dir(&run.folder).unwrap();
            std::fs::write(run.folder.join("cycles.csv"), "replica,width\n0,3\n0,2\n").unwrap();
        }
        write_sweep(&["key"], &cells, folder.path()).unwrap();
        let text = std::fs::read_to_string(folder.path().join("sweep.csv")).unwrap();
        assert_eq!(text, "cell,key,replica,width\na,A,0,3\na,A,0,2\nb,B,0,3\nb,B,0,2\n");
        assert!(folder.path().join("sweep.arrow").exists());
        let text = std::fs::read_to_string(folder.path().join("cells.csv")).unwrap();
        assert_eq!(text, "cell,key,outcome,error\na,A,finished,\nb,B,finished,\n");
    }
}
