//! A registered test: its settings are in a file that is committed before the test is run.
//!
//! Each setting is a data set and a network. At each sparsity, and for each budget, methods are compared with fresh
//! networks. All differences are one family (Holm). The runs are kept and resumed, so the task may be stopped.

mod figures;
mod results;

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, bail, ensure};
use clap::Args;
use rayclip_report::draw_figure;
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
    /// Runs at once; they share the cores
    #[arg(long, value_name = "N", default_value_t = NonZeroUsize::MIN)]
    jobs: NonZeroUsize,
    /// The table of the results
    #[arg(long, value_name = "FILE")]
    results: PathBuf,
    /// Folder of the figures of the results
    #[arg(long, value_name = "DIR")]
    figures: Option<PathBuf>,
}

/// The file of a test.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Protocol {
    /// Flags of all runs.
    flags: Vec<String>,
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
    /// Methods that clip.
    methods: Vec<String>,
    seeds: String,
    flags: Vec<String>,
    /// Learning rates of the methods, chosen on held-out images.
    rates: BTreeMap<String, f64>,
}

pub(crate) fn run(args: &ProtocolArgs) -> anyhow::Result<()> {
    let text = fs::read_to_string(&args.file)
        .with_context(|| format!("cannot read {}", args.file.display()))?;
    let protocol: Protocol = toml::from_str(&text)?;
    for name in &args.only {
        let is_setting = protocol.settings.iter().any(|setting| setting.name == *name);
        ensure!(is_setting, "--only: {} has no setting {name}", args.file.display());
    }
    let cells: Vec<Cell> = protocol
        .settings
        .iter()
        .flat_map(|setting| protocol.sparsities.iter().map(move |&sparsity| (setting, sparsity)))
        .map(|(setting, sparsity)| Cell { protocol: &protocol, setting, sparsity, args })
        .collect();
    run_all(&cells, args)?;
    let mut results = vec![];
    for cell in &cells {
        results.extend(results::read(cell)?);
    }
    ensure!(!results.is_empty(), "no run is finished");
    fs::write(&args.results, format!("{}\n", results::table(&results)))?;
    if let Some(folder) = &args.figures {
        fs::create_dir_all(folder)?;
        for figure in figures::figures(&protocol, &results) {
            fs::write(folder.join(figure.name).with_extension("svg"), draw_figure(&figure)?)?;
        }
    }
    Ok(())
}

/// Does the runs of the cells, as many at once as asked for.
fn run_all(cells: &[Cell], args: &ProtocolArgs) -> anyhow::Result<()> {
    let binary = release::build()?;
    let jobs = args.jobs.get();
    let threads = thread::available_parallelism()?.get().div_ceil(jobs);
    let is_asked_for =
        |cell: &&Cell| args.only.is_empty() || args.only.contains(&cell.setting.name);
    let runs: Vec<(&Cell, usize)> = cells
        .iter()
        .filter(is_asked_for)
        .flat_map(|cell| (0..cell.protocol.budgets.len()).map(move |budget| (cell, budget)))
        .collect();
    let begun = AtomicUsize::new(0);
    let work = || {
        while let Some((cell, budget)) = runs.get(begun.fetch_add(1, Ordering::Relaxed)) {
            cell.run(*budget, &binary, threads)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| {
            worker.join().unwrap_or_else(|_| bail!("a thread that waits for a run panicked"))
        })
    })
}

/// A setting at a sparsity.
struct Cell<'a> {
    protocol: &'a Protocol,
    setting: &'a Setting,
    sparsity: f64,
    args: &'a ProtocolArgs,
}

impl Cell<'_> {
    /// Does a run: all methods and the baseline on the first budget, the baseline alone on another.
    fn run(&self, budget: usize, binary: &Path, threads: usize) -> anyhow::Result<()> {
        let Protocol { baseline, budgets, flags, .. } = self.protocol;
        let mut all = if budget == 0 { self.setting.methods.clone() } else { vec![] };
        all.push(baseline.clone());
        let rate = |method: &String| {
            let rate = self.setting.rates.get(method);
            let rate = rate.with_context(|| format!("{method} has no learning rate"))?;
            Ok(format!("'{method}={rate}'"))
        };
        let rates = all.iter().map(rate).collect::<anyhow::Result<Vec<_>>>()?.join(", ");
        let status = Command::new(binary)
            .env("RAYON_NUM_THREADS", threads.to_string())
            .args(["compare", "--quiet", "--methods", &all.join(",")])
            .args(["--budget", &budgets[budget], "--seeds", &self.setting.seeds])
            .args(["--data", &self.data()?])
            .args(["--target-parameters", &format!("{:.4}", 1.0 - self.sparsity)])
            .args(["--set", &format!("training.learning_rate_of=[{rates}]")])
            .args(flags)
            .args(&self.setting.flags)
            .arg("--out")
            .arg(self.folder(&budgets[budget]))
            .status()
            .context("cannot start the release binary")?;
        ensure!(status.success(), "{} at {} failed", self.setting.name, self.sparsity);
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
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    pub(super) fn committed() -> Protocol {
        let file = release::root().join("docs").join("beating-scratch.toml");
        toml::from_str(&fs::read_to_string(file).unwrap()).unwrap()
    }

    pub(super) fn args(runs: &Path) -> ProtocolArgs {
        ProtocolArgs {
            file: PathBuf::new(),
            data: vec!["mnist=images=1".to_owned()],
            runs: runs.to_path_buf(),
            only: vec![],
            jobs: NonZeroUsize::MIN,
            results: PathBuf::new(),
            figures: None,
        }
    }

    #[test]
    fn images_come_from_the_folders_that_are_named() {
        let (args, protocol) = (args(Path::new("runs")), committed());
        let data =
            |setting| Cell { protocol: &protocol, setting, sparsity: 0.5, args: &args }.data();
        let [mnist, digits, cifar10, ..] = &protocol.settings[..] else { panic!("no settings") };
        assert_eq!(data(mnist).unwrap(), "images=1");
        assert_eq!(data(digits).unwrap(), digits.data);
        assert!(data(cifar10).unwrap_err().to_string().contains("--data cifar10=FOLDER"));
    }

    #[test]
    fn the_registered_test_has_a_learning_rate_for_each_of_its_methods() {
        let protocol = committed();
        for setting in &protocol.settings {
            let mut methods: Vec<&String> = setting.methods.iter().collect();
            methods.push(&protocol.baseline);
            methods.sort();
            assert!(methods.into_iter().eq(setting.rates.keys()), "{}", setting.name);
        }
        let names: BTreeSet<&String> = protocol.settings.iter().map(|s| &s.name).collect();
        assert_eq!(names.len(), protocol.settings.len());
    }
}
