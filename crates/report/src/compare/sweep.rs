//! Ranks the cells of a sweep.

use rayclip_run_folder::read::Rung;
use rayclip_run_folder::{Cycles, Method};

use crate::compare::comparison::Comparison;
use crate::compare::measure::Measure;
use crate::compare::statistics::Estimate;
use crate::error::ReportError;
use crate::read::run::Run;

/// A cell of a sweep.
#[derive(Debug, Clone)]
pub struct SweepCell {
    /// The name of its folder.
    pub id: String,
    /// The values of the swept keys.
    pub values: Vec<String>,
    /// Its run, or the error if there is none.
    pub run: Result<Run, String>,
}

/// One method of a cell at the width at which cells are compared.
#[derive(Debug, Clone)]
pub struct SweepResult {
    /// The index of the cell.
    pub cell: usize,
    /// The method.
    pub method: String,
    /// Hidden neurons.
    pub neurons: usize,
    /// Batches that the network was trained on; `None` if the run does not say.
    pub batches: Option<usize>,
    /// Seeds that the configuration asks for.
    pub seeds: usize,
    /// Accuracy on the held-out images after the training that follows the clip. The choice is made by it.
    pub validation: Option<Estimate>,
    /// Accuracy on the test images, to report for the chosen cell.
    pub test: Option<Estimate>,
}

/// Returns the results of all cells, sorted by validation accuracy, the highest first. Results that lack seeds come
/// last.
///
/// A cell counts with its first network of at most `neurons` hidden neurons, or with the one at the end of its
/// ladder. A method without such a network is left out.
///
/// # Errors
/// A run has no row.
pub fn sweep_results(
    cells: &[SweepCell],
    neurons: Option<usize>,
) -> Result<Vec<SweepResult>, ReportError> {
    let mut results = Vec::new();
    for (index, cell) in cells.iter().enumerate() {
        if let Ok(run) = &cell.run {
            results.extend(
                results_of(run, neurons)?
                    .into_iter()
                    .map(|result| SweepResult { cell: index, ..result }),
            );
        }
    }
    // Complete results first: the seeds that survive a divergence are no fair sample.
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

/// Returns the results of a run, with the cell index 0.
fn results_of(run: &Run, neurons: Option<usize>) -> Result<Vec<SweepResult>, ReportError> {
    let comparison = Comparison::of(std::slice::from_ref(run))?;
    let settings = run.settings.as_ref();
    let is_small = |rung: &&Rung| match (neurons, settings) {
        (Some(neurons), _) => rung.neurons() <= neurons,
        (None, Some(settings)) => {
            rung.widths.iter().all(|width| *width <= settings.compression.min_width)
        }
        (None, None) => false,
    };
    let seeds = settings.map_or_else(|| comparison.seeds(), |settings| settings.replicas);
    // After the training that follows a clip.
    let batches = |cycle: usize, method: &str| {
        let row = run.cycle(cycle).find(|row| row.method == method)?;
        let after = match method.parse::<Method>() {
            Ok(method) if method.is_from_scratch() => {
                Cycles::of_scratch(settings?, cycle, method).batches(cycle + 1)
            }
            _ => {
                let batches = Cycles::of(settings?).batches(cycle + 1);
                batches.checked_mul(settings?.copies_in(cycle + 1))?
            }
        };
        row.batches?.checked_add(after)
    };
    let result = |(method, name): (usize, &String)| {
        let of = |measure, cycle| comparison.estimate(measure, cycle, method);
        let test = |cycle| of(Measure::AccuracyAfterTraining, cycle);
        let mut rungs = comparison.rungs.values().filter(is_small);
        let rung = rungs.find(|rung| test(rung.cycle).is_some())?;
        Some(SweepResult {
            cell: 0,
            method: name.clone(),
            neurons: rung.neurons(),
            batches: batches(rung.cycle, name),
            seeds,
            validation: of(Measure::ValidationAfterTraining, rung.cycle),
            test: test(rung.cycle),
        })
    };
    Ok(comparison.methods.iter().enumerate().filter_map(result).collect())
}

#[cfg(test)]
pub(crate) mod tests {
    use rayclip_run_folder::CycleRow;

    use super::*;
    use crate::read::sample::{clip, run_of, with_settings};

    const SETTINGS: [&str; 3] =
        ["network.hidden=[100]", "training.batches_per_cycle=7", "compression.min_width=30"];

    pub(crate) fn cell(id: &str, validation: f64) -> SweepCell {
        let rows = [(0, 100, 50), (1, 50, 25)].map(|(cycle, before, after)| CycleRow {
            accuracy_after_training: Some(0.5),
            validation_after_training: Some(validation - 0.1 * cycle as f64),
            batches: Some(7 * (cycle + 1)),
            ..clip(0, cycle, before, after, 0.9)
        });
        let run = with_settings(run_of(rows.to_vec()), &SETTINGS);
        SweepCell { id: id.into(), values: vec![id.to_uppercase()], run: Ok(run) }
    }

    #[test]
    fn the_best_is_chosen_by_the_images_held_out() {
        let failed =
            SweepCell { id: "c".into(), values: vec!["C".into()], run: Err("no memory".into()) };
        let mut cells = [cell("a", 0.7), failed, cell("b", 0.8)];
        let results = sweep_results(&cells, None).unwrap();
        let order: Vec<_> = results.iter().map(|r| (r.cell, r.neurons, r.batches)).collect();
        assert_eq!(order, [(2, 25, Some(21)), (0, 25, Some(21))]);
        assert_eq!(sweep_results(&cells, Some(60)).unwrap()[0].neurons, 50);
        // One of two seeds is missing: complete results come first. Without its last clip, the cell is left out.
        let run = cells[2].run.as_mut().unwrap();
        *run = with_settings(run.clone(), &[&SETTINGS[..], &["replicas=2"]].concat());
        let results = sweep_results(&cells, None).unwrap();
        assert_eq!(results.iter().map(|r| (r.cell, r.seeds)).collect::<Vec<_>>(), [(0, 1), (2, 2)]);
        cells[2].run.as_mut().unwrap().rows.pop();
        assert_eq!(sweep_results(&cells, None).unwrap().len(), 1);
        // Without a configuration, the end of the ladder and the number of batches are not known.
        cells[0].run.as_mut().unwrap().settings = None;
        assert_eq!(sweep_results(&cells, None).unwrap().len(), 0);
        assert_eq!(sweep_results(&cells[..1], Some(60)).unwrap()[0].batches, None);
    }
}
