//! The first figure of the README: the ladder of a run, and the last networks of others.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use rayclip_report::{
    Comparison, Curve, Measure, Point, Run, Style, accuracy_after_training, draw_figure,
};

#[derive(Args)]
pub(crate) struct SizesArgs {
    /// The run whose ladder is drawn
    #[arg(value_name = "RUN")]
    ladder: PathBuf,
    /// Runs whose last networks are drawn, for example of a preset at several sizes
    #[arg(long, value_name = "RUN", num_args = 1..)]
    last: Vec<PathBuf>,
    /// What tells the last networks from those of the ladder
    #[arg(long, value_name = "NAME")]
    name: String,
    /// Methods whose last networks are drawn
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    methods: Vec<String>,
    /// The figure
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(crate) fn draw(args: &SizesArgs) -> anyhow::Result<()> {
    let ladder = read(&args.ladder)?;
    let mut figure = accuracy_after_training(&ladder);
    let runs = args.last.iter().map(|run| read(run)).collect::<anyhow::Result<Vec<_>>>()?;
    for (index, method) in args.methods.iter().enumerate() {
        let last = runs.iter().map(|run| last(run, method)).collect::<anyhow::Result<Vec<_>>>()?;
        let name = format!("{method}, {}", args.name);
        let curve = Curve::new(name, ladder.methods.len() + index, Style::Bars, last);
        figure.panels.iter_mut().for_each(|panel| panel.curves.push(curve.clone()));
    }
    fs::write(&args.out, draw_figure(&figure)?)
        .with_context(|| format!("cannot write {}", args.out.display()))
}

fn read(folder: &Path) -> anyhow::Result<Comparison> {
    Ok(Comparison::of(&[Run::read(folder)?])?)
}

/// Returns the accuracy of the last networks of a method, by size.
fn last(run: &Comparison, method: &str) -> anyhow::Result<Point> {
    let number = run.method(method)?;
    let (&cycle, rung) = run.rungs.last_key_value().context("a run has no clip")?;
    let estimate = run.estimate(Measure::AccuracyAfterTraining, cycle, number);
    let estimate =
        estimate.with_context(|| format!("{method} has no network after clip {cycle}"))?;
    Ok(Point::of(rung.neurons() as f64, estimate))
}
