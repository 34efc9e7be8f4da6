//! A registered test: its settings are in a file that is committed before the test is run.
//!
//! Each setting is a data set and a network. At each sparsity, and for each budget, methods are compared with fresh
//! networks. All differences are one family (Holm). The runs are kept and resumed, so the task may be stopped.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};
use clap::Args;
use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use rayclip_report::{Comparison, Difference, Measure, Run, holm};
use serde::Deserialize;

use crate::release;

#[derive(Args)]
pub(crate) struct ProtocolArgs {
    /// The file of the test
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where the images of a data set are, for example mnist=FOLDER (repeatable)
    #[arg(long, value_name = "NAME=PATH")]
    data: Vec<String>,
    /// Folder of the runs
    #[arg(long, value_name = "DIR", default_value = "runs/protocol")]
    runs: PathBuf,
    /// Settings to run, by name; the others are read, if their runs are finished
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    only: Vec<String>,
    /// The table of the results
    #[arg(long, value_name = "FILE")]
    results: PathBuf,
}

/// The file of a test.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Protocol {
    /// Flags of all runs.
    flags: Vec<String>,
    /// Methods that clip.
    methods: Vec<String>,
    /// The method with fresh networks.
    baseline: String,
    /// What the baseline may spend: names of budgets.
    budgets: Vec<String>,
    /// Fractions of the parameters that are gone.
    sparsities: Vec<f64>,
    #[serde(rename = "setting")]
    settings: Vec<Setting>,
}

/// A data set and a network.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Setting {
    name: String,
    data: String,
    seeds: String,
    flags: Vec<String>,
    /// Learning rates of the methods, chosen on held-out images.
    rates: BTreeMap<String, f64>,
}

/// The difference of a method from the baseline.
struct Result {
    setting: String,
    sparsity: f64,
    budget: String,
    difference: Difference,
    accuracies: [f64; 2],
}

pub(crate) fn run(args: &ProtocolArgs) -> anyhow::Result<()> {
    let text = fs::read_to_string(&args.file)
        .with_context(|| format!("cannot read {}", args.file.display()))?;
    let protocol: Protocol = toml::from_str(&text)?;
    let binary = release::build()?;
    let mut results = vec![];
    for setting in &protocol.settings {
        for sparsity in &protocol.sparsities {
            let cell = Cell { protocol: &protocol, setting, sparsity: *sparsity, args };
            if args.only.is_empty() || args.only.contains(&setting.name) {
                cell.run(&binary)?;
            }
            results.extend(cell.results()?);
        }
    }
    ensure!(!results.is_empty(), "no run is finished");
    let p: Vec<f64> = results.iter().map(|result| result.difference.p.unwrap_or(1.0)).collect();
    let table = table(&results, &holm(&p));
    fs::write(&args.results, format!("{table}\n"))?;
    Ok(())
}

/// A setting at a sparsity.
struct Cell<'a> {
    protocol: &'a Protocol,
    setting: &'a Setting,
    sparsity: f64,
    args: &'a ProtocolArgs,
}

impl Cell<'_> {
    /// Does the runs: all methods and the baseline on the first budget, then the baseline alone on the others.
    fn run(&self, binary: &Path) -> anyhow::Result<()> {
        let Protocol { methods, baseline, budgets, flags, .. } = self.protocol;
        for (index, budget) in budgets.iter().enumerate() {
            let mut all = if index == 0 { methods.clone() } else { vec![] };
            all.push(baseline.clone());
            let rate = |method: &String| {
                let rate = self.setting.rates.get(method);
                let rate = rate.with_context(|| format!("{method} has no learning rate"))?;
                Ok(format!("'{method}={rate}'"))
            };
            let rates = all.iter().map(rate).collect::<anyhow::Result<Vec<_>>>()?.join(", ");
            let status = Command::new(binary)
                .args(["compare", "--quiet", "--methods", &all.join(",")])
                .args(["--budget", budget, "--seeds", &self.setting.seeds])
                .args(["--data", &self.data()?])
                .args(["--target-parameters", &format!("{:.4}", 1.0 - self.sparsity)])
                .args(["--set", &format!("training.learning_rate_of=[{rates}]")])
                .args(flags)
                .args(&self.setting.flags)
                .arg("--out")
                .arg(self.folder(budget))
                .status()
                .context("cannot start the release binary")?;
            ensure!(status.success(), "{} at {} failed", self.setting.name, self.sparsity);
        }
        Ok(())
    }

    fn data(&self) -> anyhow::Result<String> {
        let own = &self.setting.data;
        let given = self.args.data.iter().filter_map(|text| text.split_once('='));
        match given.into_iter().find(|(name, _)| name == own) {
            Some((_, path)) => Ok(path.to_owned()),
            None if own.starts_with("digits") => Ok(own.clone()),
            None => bail!("say where the images are: --data {own}=FOLDER"),
        }
    }

    fn folder(&self, budget: &str) -> PathBuf {
        let name = self.setting.name.replace(' ', "-").to_lowercase();
        self.args.runs.join(format!("{name}-{:.2}-{budget}", self.sparsity))
    }

    /// Returns the differences of the methods from the baseline on each budget whose run is finished.
    fn results(&self) -> anyhow::Result<Vec<Result>> {
        let Protocol { methods, baseline, budgets, .. } = self.protocol;
        let Some(first) = finished(&self.folder(&budgets[0]))? else { return Ok(vec![]) };
        let mut results = vec![];
        for (index, budget) in budgets.iter().enumerate() {
            let mut clipped = first.clone();
            let baseline_run = match index {
                0 => None,
                _ => match finished(&self.folder(budget))? {
                    None => continue,
                    Some(run) => Some(run),
                },
            };
            // The baseline of the first budget is not that of the others.
            if baseline_run.is_some() {
                clipped.rows.retain(|row| row.method != *baseline);
            }
            let runs: Vec<Run> = std::iter::once(clipped).chain(baseline_run).collect();
            let comparison = Comparison::of(&runs)?;
            let last = comparison.differences().iter().map(|d| d.cycle).max();
            let is_of = |name: &str, method: &str| name.split(" (").next() == Some(method);
            for method in methods {
                let differences = comparison.differences().into_iter().filter(|difference| {
                    difference.measure == Measure::AccuracyAfterTraining
                        && Some(difference.cycle) == last
                        && is_of(&difference.method, method)
                        && is_of(&difference.baseline, baseline)
                });
                for difference in differences {
                    let mean = |name: &str| {
                        let method = comparison.method(name)?;
                        let measure = Measure::AccuracyAfterTraining;
                        let mean = comparison.estimate(measure, difference.cycle, method);
                        anyhow::Ok(mean.map_or(f64::NAN, |estimate| estimate.mean))
                    };
                    results.push(Result {
                        setting: self.setting.name.clone(),
                        sparsity: self.sparsity,
                        budget: budget.clone(),
                        accuracies: [mean(&difference.method)?, mean(&difference.baseline)?],
                        difference,
                    });
                }
            }
        }
        Ok(results)
    }
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

fn table(results: &[Result], adjusted: &[f64]) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    table.set_header([
        "data",
        "sparsity",
        "budget",
        "method",
        "accuracy",
        "scratch",
        "difference",
        "95 % interval",
        "p (Holm)",
        "seeds",
    ]);
    for (result, p) in results.iter().zip(adjusted) {
        let Difference { method, mean, low, high, n, .. } = &result.difference;
        let signed = |number: &Option<f64>| {
            number.map_or("–".to_owned(), |number| format!("{number:+.4}"))
        };
        table.add_row([
            result.setting.clone(),
            format!("{:.2}", result.sparsity),
            result.budget.clone(),
            method.split(" (").next().unwrap_or(method).to_owned(),
            format!("{:.4}", result.accuracies[0]),
            format!("{:.4}", result.accuracies[1]),
            format!("{mean:+.4}"),
            format!("{} … {}", signed(low), signed(high)),
            if *p < 1e-4 { "< 0.0001".into() } else { format!("{p:.4}") },
            n.to_string(),
        ]);
    }
    table
}
