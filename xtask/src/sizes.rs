//! The first figure of the README: the ladder of a run, and the last networks of others.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use rayclip_report::{
    Axis, Comparison, Curve, Figure, Measure, Panel, Point, Run, Style, draw_figure,
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

const MEASURE: Measure = Measure::AccuracyAfterTraining;

pub(crate) fn draw(args: &SizesArgs) -> anyhow::Result<()> {
    let ladder = read(&args.ladder)?;
    let mut curves = vec![];
    for (colour, method) in ladder.methods.iter().enumerate() {
        let points = points(&ladder, colour, ladder.rungs.keys().copied());
        let is_sparse = 2 * points.len() < ladder.rungs.len();
        let style = if is_sparse { Style::Bars } else { Style::Line };
        curves.push(Curve::new(method.clone(), colour, style, points));
    }
    let runs = args.last.iter().map(|run| read(run)).collect::<anyhow::Result<Vec<_>>>()?;
    for (index, method) in args.methods.iter().enumerate() {
        let mut last = vec![];
        for run in &runs {
            let method = run.method(method)?;
            last.extend(points(run, method, run.rungs.keys().next_back().copied()));
        }
        let name = format!("{method}, {}", args.name);
        curves.push(Curve::new(name, ladder.methods.len() + index, Style::Bars, last));
    }
    let panel = Panel {
        title: String::new(),
        x: Axis::size("hidden neurons (log scale)"),
        y: Axis::fraction("test accuracy"),
        curves,
    };
    let title = format!("Test accuracy after the training that follows, {}", ladder.data.name);
    let figure = Figure { panels: vec![panel], ..Figure::left_out("sizes", &title, "") };
    fs::write(&args.out, draw_figure(&figure)?)
        .with_context(|| format!("cannot write {}", args.out.display()))
}

fn read(folder: &Path) -> anyhow::Result<Comparison> {
    Ok(Comparison::of(&[Run::read(folder)?])?)
}

/// Returns the accuracies of a method after cycles, by size.
fn points(run: &Comparison, method: usize, cycles: impl IntoIterator<Item = usize>) -> Vec<Point> {
    let point = |cycle: usize| {
        let estimate = run.estimate(MEASURE, cycle, method)?;
        Some(Point::of(run.rungs.get(&cycle)?.neurons() as f64, estimate))
    };
    cycles.into_iter().filter_map(point).collect()
}
