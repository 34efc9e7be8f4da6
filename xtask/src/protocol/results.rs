//! Reads the runs of a registered test.

use std::path::Path;

use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use rayclip_report::{Comparison, Difference, Measure, Run, holm};

use super::Cell;

/// The difference of a method from the baseline, after the training that follows the last clip.
pub(super) struct Result {
    pub(super) setting: String,
    pub(super) sparsity: f64,
    pub(super) budget: String,
    pub(super) method: String,
    pub(super) difference: Difference,
    /// Accuracy of the method, and of the baseline.
    accuracies: [f64; 2],
}

/// Returns the differences of the methods from the baseline on each budget whose run is finished.
pub(super) fn read(cell: &Cell) -> anyhow::Result<Vec<Result>> {
    let [first, others @ ..] = &cell.protocol.budgets[..] else { return Ok(vec![]) };
    let Some(run) = finished(&cell.folder(first))? else { return Ok(vec![]) };
    let mut results = differences(cell, first, std::slice::from_ref(&run))?;
    // The clipped networks are the same on every budget, the fresh ones are not.
    let mut clipped = run;
    clipped.rows.retain(|row| row.method != cell.protocol.baseline);
    for budget in others {
        if let Some(fresh) = finished(&cell.folder(budget))? {
            results.extend(differences(cell, budget, &[clipped.clone(), fresh])?);
        }
    }
    Ok(results)
}

fn differences(cell: &Cell, budget: &str, runs: &[Run]) -> anyhow::Result<Vec<Result>> {
    let comparison = Comparison::of(runs)?;
    let measure = Measure::AccuracyAfterTraining;
    let differences = comparison.differences();
    let last = differences.iter().map(|difference| difference.cycle).max();
    let mean = |name: &str| {
        let estimate = comparison.estimate(measure, last?, comparison.method(name).ok()?)?;
        Some(estimate.mean)
    };
    let result = |method: &String| {
        let difference = differences.iter().find(|difference| {
            difference.measure == measure
                && Some(difference.cycle) == last
                && bare(&difference.method) == method
                && bare(&difference.baseline) == cell.protocol.baseline
        })?;
        Some(Result {
            setting: cell.setting.name.clone(),
            sparsity: cell.sparsity,
            budget: budget.to_owned(),
            method: method.clone(),
            accuracies: [mean(&difference.method)?, mean(&difference.baseline)?],
            difference: difference.clone(),
        })
    };
    Ok(cell.setting.methods.iter().filter_map(result).collect())
}

/// Returns the name of a method without what tells runs apart.
fn bare(method: &str) -> &str {
    method.split(" (").next().unwrap_or(method)
}

/// Reads a run; `None` if it is not finished.
fn finished(folder: &Path) -> anyhow::Result<Option<Run>> {
    if !folder.join("cycles.csv").exists() {
        return Ok(None);
    }
    let run = Run::read(folder)?;
    let is_finished = run.summary.as_ref().is_some_and(|s| s.outcome.to_string() == "finished");
    Ok(is_finished.then_some(run))
}

/// Returns the table of all differences; their p-values are one family.
pub(super) fn table(results: &[Result]) -> Table {
    let p: Vec<f64> = results.iter().map(|result| result.difference.p.unwrap_or(1.0)).collect();
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    table.set_header([
        "data",
        "sparsity",
        "budget",
        "method",
        "accuracy",
        "baseline",
        "difference",
        "95 % interval",
        "p (Holm)",
        "seeds",
    ]);
    for (result, p) in results.iter().zip(holm(&p)) {
        let Difference { mean, low, high, n, .. } = &result.difference;
        let signed = |number: &Option<f64>| {
            number.map_or("–".to_owned(), |number| format!("{number:+.4}"))
        };
        table.add_row([
            result.setting.clone(),
            format!("{:.2}", result.sparsity),
            result.budget.clone(),
            result.method.clone(),
            format!("{:.4}", result.accuracies[0]),
            format!("{:.4}", result.accuracies[1]),
            format!("{mean:+.4}"),
            format!("{} … {}", signed(low), signed(high)),
            if p < 1e-4 { "< 0.0001".into() } else { format!("{p:.4}") },
            n.to_string(),
        ]);
    }
    table
}

#[cfg(test)]
pub(super) mod tests {
    use std::fs;

    use rayclip_run_folder::csv::to_csv;
    use rayclip_run_folder::presets::{Layers, resolve};
    use rayclip_run_folder::write::RunFolder;
    use rayclip_run_folder::{CycleRow, DataSummary, Progress, Summary, TimingRow, paths};
    use serde_json::json;

    use super::super::tests::{args, committed};
    use super::*;

    pub(crate) fn result(setting: &str, budget: &str, method: &str, p: f64) -> Result {
        let difference = json!({
            "measure": "accuracy_after_training", "method": method, "baseline": "scratch", "cycle": 3, "neurons": 25,
            "sparsity": 0.95, "n": 20, "mean": 0.005, "low": 0.004, "high": 0.006, "p": p, "margin": 0.005,
        });
        Result {
            setting: setting.to_owned(),
            sparsity: 0.95,
            budget: budget.to_owned(),
            method: method.to_owned(),
            accuracies: [0.96, 0.955],
            difference: serde_json::from_value(difference).unwrap(),
        }
    }

    #[test]
    fn all_differences_of_a_test_are_one_family() {
        let results = [
            result("MNIST", "batches", "l2", 0.02),
            result("CIFAR-10", "batches", "l2", 0.01),
            result("CIFAR-10", "parent", "l2", 1e-9),
        ];
        let text = table(&results).to_string();
        let p: Vec<&str> =
            text.lines().skip(2).map(|line| line.split('|').nth_back(2).unwrap().trim()).collect();
        // Holm: 2 · 0.01, and no smaller one than before.
        assert_eq!(p, ["0.0200", "0.0200", "< 0.0001"]);
        assert!(text.contains("| +0.0050    | +0.0040 … +0.0060 |"), "{text}");
    }

    /// Writes a run of networks with 25 of 100 neurons: of each method, the accuracies of the seeds.
    fn write(path: &Path, outcome: &str, methods: &[(&str, &[f64])]) {
        let folder = RunFolder::from(path);
        fs::create_dir_all(path).unwrap();
        let seeds = methods.iter().flat_map(|(method, accuracies)| {
            accuracies.iter().zip(0..).map(move |(accuracy, seed)| (method, *accuracy, seed))
        });
        let row = |(replica, (method, accuracy, seed)): (usize, (&&str, f64, u64))| CycleRow {
            replica,
            method: (*method).to_owned(),
            seed,
            group: "layer_0".into(),
            width_before: 100,
            width_after: 25,
            sparsity: 0.75,
            accuracy_after_clip: accuracy - 0.5,
            accuracy_after_training: Some(accuracy),
            ..CycleRow::default()
        };
        let rows: Vec<CycleRow> = seeds.enumerate().map(row).collect();
        let time = |row: &CycleRow| TimingRow { replica: row.replica, ..TimingRow::default() };
        let times: Vec<TimingRow> = rows.iter().map(time).collect();
        fs::write(path.join(paths::TIMINGS), to_csv(&times).unwrap()).unwrap();
        fs::write(path.join(paths::CYCLES), to_csv(&rows).unwrap()).unwrap();
        let data = DataSummary { digest: "0".into(), ..DataSummary::unknown("d".into()) };
        let summary: Summary = serde_json::from_value(json!({
            "version": "0", "outcome": outcome, "device": "flex", "groups": ["layer_0"], "widths_before": [100],
            "parameters_before": 1000, "data": data, "replicas": [],
        }))
        .unwrap();
        folder.write_summary(&summary).unwrap();
        folder.write_progress(&Progress::default()).unwrap();
        folder.write_config(&resolve(&Layers::default()).unwrap()).unwrap();
    }

    #[test]
    fn clipped_networks_are_compared_with_the_fresh_ones_of_each_budget() {
        let runs = tempfile::tempdir().unwrap();
        let (args, protocol) = (args(runs.path()), committed());
        let cell = Cell {
            protocol: &protocol,
            setting: &protocol.settings[0],
            sparsity: 0.95,
            args: &args,
        };
        assert!(read(&cell).unwrap().is_empty());
        let clipped: &[f64] = &[0.92, 0.93, 0.94];
        let both = [("l2", clipped), ("scratch", &[0.90, 0.92, 0.91])];
        write(&cell.folder("batches"), "finished", &both);
        write(&cell.folder("operations"), "finished", &[("scratch", &[0.93, 0.95, 0.97])]);
        write(&cell.folder("parent"), "interrupted", &[("scratch", &[0.5, 0.5, 0.5])]);
        let results = read(&cell).unwrap();
        let found: Vec<_> = results
            .iter()
            .map(|result| {
                (&*result.budget, &*result.method, format!("{:+.3}", result.difference.mean))
            })
            .collect();
        let expected = [("batches", "+0.020"), ("operations", "-0.020")];
        assert_eq!(found, expected.map(|(budget, mean)| (budget, "l2", mean.to_owned())));
        let accuracies = |result: &Result| result.accuracies.map(|mean| format!("{mean:.3}"));
        assert_eq!(accuracies(&results[0]), ["0.930", "0.910"]);
        assert_eq!(accuracies(&results[1]), ["0.930", "0.950"]);
    }
}
