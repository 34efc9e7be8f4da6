//! The cells of a sweep in one table.

use std::path::Path;

use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;

use crate::comparison::{Comparison, Measure};
use crate::comparison_table::estimate_cell;
use crate::files::{bytes_of, write_csv};
use crate::ladder::Rung;
use crate::statistics::Estimate;
use crate::table::align_right;
use crate::{ReportError, Run, limits};

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
    /// Seeds that were to be run.
    pub seeds: usize,
    /// Accuracy on the images held out, after the training that follows the clip: what to choose by.
    pub validation: Option<Estimate>,
    /// Accuracy on the test images: what to report of the chosen one.
    pub test: Option<Estimate>,
}

/// The results of all cells, best first by validation accuracy; those that lack seeds come last.
///
/// A cell counts with its first network of at most `neurons` hidden neurons, or the one at the end of its
/// ladder. A method that has none is left out.
///
/// # Errors
/// A run has no row, or more batches than can be counted.
pub fn sweep_results(
    cells: &[SweepCell],
    neurons: Option<usize>,
) -> Result<Vec<SweepResult>, ReportError> {
    let mut results = Vec::new();
    for (place, cell) in cells.iter().enumerate() {
        let Ok(run) = &cell.run else { continue };
        let comparison = Comparison::of(std::slice::from_ref(run))?;
        let number = |section: &str, key: &str| run.count(section, key).unwrap_or_default();
        let end = number("compression", "min_width");
        let small = |rung: &&Rung| match neurons {
            Some(neurons) => rung.neurons() <= neurons,
            None => rung.widths.iter().all(|width| *width <= end),
        };
        let planned = run.config.get("replicas").and_then(toml::Value::as_integer);
        let planned = planned.and_then(|seeds| usize::try_from(seeds).ok()).unwrap_or(1);
        for (method, name) in comparison.methods.iter().enumerate() {
            let test = |cycle| comparison.estimate(Measure::AccuracyAfterTraining, cycle, method);
            let rung = comparison.rungs.values().filter(small).find(|r| test(r.cycle).is_some());
            let Some(rung) = rung else { continue };
            let batches = match run.setting("training", "batches_per_cycle") {
                Some(_) => run
                    .count("training", "batches_per_cycle")
                    .and_then(|batches| batches.checked_mul(rung.cycle + 2)),
                None => Some(0),
            };
            let batches = batches.ok_or_else(|| ReportError::Format {
                path: run.folder.join("config.toml"),
                reason: "training.batches_per_cycle is more than can be counted".into(),
            })?;
            let validation =
                comparison.estimate(Measure::ValidationAfterTraining, rung.cycle, method);
            results.push(SweepResult {
                cell: place,
                method: name.clone(),
                neurons: rung.neurons(),
                batches,
                seeds: planned,
                validation,
                test: test(rung.cycle),
            });
        }
    }
    // Whole ones first: survivors of a divergence are no fair sample.
    let key = |result: &SweepResult| {
        let whole = |estimate: &Estimate| estimate.n == result.seeds;
        let mean = result.validation.map_or(f64::NEG_INFINITY, |estimate| estimate.mean);
        (result.validation.as_ref().is_some_and(whole), mean)
    };
    results.sort_by(|a, b| {
        let ((whole_a, mean_a), (whole_b, mean_b)) = (key(a), key(b));
        whole_b.cmp(&whole_a).then(mean_b.total_cmp(&mean_a))
    });
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
        let test = if rank == 0 { estimate_cell(result.test, result.seeds) } else { String::new() };
        let last = [
            result.method.clone(),
            result.neurons.to_string(),
            result.batches.to_string(),
            estimate_cell(result.validation, result.seeds),
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
    // A key that is a column of cycles.csv too (`seed`).
    let key = |key: &&str, header: &csv::StringRecord| {
        let prefix = if header.iter().any(|name| name == *key) { "grid." } else { "" };
        format!("{prefix}{key}")
    };
    let own = |cell: &SweepCell| std::iter::once(cell.id.clone()).chain(cell.values.clone());
    let head = std::iter::once("cell").chain(keys.iter().copied());
    ends.write_record(head.chain(["outcome", "error"])).map_err(failed)?;
    let mut has_header = false;
    for cell in cells {
        let end = match &cell.run {
            Ok(_) => ["finished".to_owned(), String::new()],
            Err(error) => ["failed".to_owned(), error.clone()],
        };
        ends.write_record(own(cell).chain(end)).map_err(failed)?;
        let Ok(run) = &cell.run else { continue };
        let path = run.folder.join("cycles.csv");
        let bytes = rayclip_data::read_whole(&path, limits::CLIPS_BYTES)
            .map_err(|source| ReportError::Io { path, source })?;
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        if !has_header {
            let header = reader.headers().map_err(failed)?.clone();
            let keys = keys.iter().map(|name| key(name, &header));
            let head = std::iter::once("cell".to_owned()).chain(keys);
            rows.write_record(head.chain(header.iter().map(str::to_owned))).map_err(failed)?;
            has_header = true;
        }
        for record in reader.records() {
            let record = record.map_err(failed)?;
            rows.write_record(own(cell).chain(record.iter().map(str::to_owned))).map_err(failed)?;
        }
    }
    let write = |writer: csv::Writer<Vec<u8>>, name: &str| {
        let path = folder.join(name);
        write_csv(&bytes_of(writer, &path)?, &path)
    };
    if has_header {
        write(rows, "sweep.csv")?;
    }
    write(ends, "cells.csv")
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
        let config = "[training]\nbatches_per_cycle = 7\n[compression]\nmin_width = 30";
        run.config = config.parse().unwrap();
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
        let text = sweep_table(&["key"], &cells, &results, 5).to_string();
        assert_eq!(text.matches("0.5000").count(), 1, "{text}");
        assert_eq!(sweep_results(&cells, Some(60)).unwrap()[0].neurons, 50);
        // Of two seeds one is missing: whole cells come first. Without the last clip it is left out.
        let mut cells = cells;
        let run = cells[2].run.as_mut().unwrap();
        run.config.insert("replicas".into(), toml::Value::Integer(2));
        let results = sweep_results(&cells, None).unwrap();
        assert_eq!(results.iter().map(|r| r.cell).collect::<Vec<_>>(), [0, 2]);
        let text = sweep_table(&["key"], &cells, &results, 5).to_string();
        assert!(text.contains("1 of 2 seeds"), "{text}");
        cells[2].run.as_mut().unwrap().clips.pop();
        assert_eq!(sweep_results(&cells, None).unwrap().len(), 1);
        let endless =
            "[training]\nbatches_per_cycle = 9223372036854775807\n[compression]\nmin_width = 30";
        cells[0].run.as_mut().unwrap().config = endless.parse().unwrap();
        let refused = sweep_results(&cells, None).unwrap_err().to_string();
        assert!(refused.contains("batches_per_cycle"), "{refused}");
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
