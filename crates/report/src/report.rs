//! A report on disk: the page, its figures, and every number that they show.
//!
//! | file | content |
//! |---|---|
//! | `report.html` | the page; it needs no other file |
//! | `figures/NAME.svg`, `.png` | its figures |
//! | `figures.csv` | every point of every figure |
//! | `statistics.csv`, `differences.csv` | estimates and verdicts at all widths |
//! | `entropy.csv`, `correlations.csv` | entropies of the measurements and of noise, and what they go with |
//! | `widths.csv`, `costs.csv` | the cost ledger |
//! | `ties.csv` | neurons with equal scores, where they were counted |
//! | `recorded_entropy.csv`, `recorded_correlations.csv` | the same of the recorded run, where it is given |
//!
//! Every table is an Arrow file too.

use std::path::Path;

use rayclip_data::{Dir, is_partial};
use serde::Serialize;

use crate::comparison::Comparison;
use crate::facts::Facts;
use crate::figure::Figure;
use crate::figures::figures;
use crate::files::{write, write_table_in};
use crate::page::{Drawings, drawings, page};
use crate::png::Renderer;
use crate::{Gap, ReportError};

/// The page.
pub const PAGE: &str = "report.html";

/// The folder of TensorBoard event files, in a report as in a run.
pub const EVENTS: &str = "tensorboard";

const FIGURES: &str = "figures";

const TABLES: [&str; 10] = [
    "figures",
    "statistics",
    "differences",
    "entropy",
    "correlations",
    "widths",
    "costs",
    "ties",
    "recorded_entropy",
    "recorded_correlations",
];

/// Writes the report of `facts` into `folder`; one that is there, whole or half written, is made anew.
///
/// # Errors
/// The folder holds something else, or a link where it would be written to, or cannot be written to; or a figure
/// cannot be drawn.
pub fn write_report(facts: &Facts, folder: impl Into<Dir>) -> Result<(), ReportError> {
    let folder = &folder.into();
    check_is_report(folder)?;
    let failed = |name: &str| {
        let path = folder.path().join(name);
        move |source| ReportError::Write { path, source }
    };
    folder.remove_partial(0).map_err(failed(""))?;
    folder.join(FIGURES).remove_partial(0).map_err(failed(FIGURES))?;
    folder.remove_all(EVENTS).map_err(failed(EVENTS))?;
    let figures = figures(facts);
    let drawings: Vec<Drawings> = figures.iter().map(drawings).collect::<Result<_, _>>()?;
    let renderer = Renderer::default();
    for (figure, drawing) in figures.iter().zip(&drawings) {
        let file = |kind| Path::new(FIGURES).join(figure.name).with_extension(kind);
        match drawing {
            Some([svg, _]) => {
                write(folder, &file("svg"), svg.as_bytes())?;
                write(folder, &file("png"), &renderer.png(figure.name, svg)?)?;
            }
            // That of an earlier report would be taken for one of this.
            None => remove(folder, &[file("svg"), file("png")])?,
        }
    }
    let points: Vec<_> = figures.iter().flat_map(Figure::rows).collect();
    let recorded = facts.recorded.as_ref();
    let comparison = facts.comparison.as_ref();
    let statistics = comparison.map(Comparison::statistics).unwrap_or_default();
    let differences = comparison.map(Comparison::differences).unwrap_or_default();
    let entropies = recorded.map_or(&[][..], |recorded| &recorded.entropies);
    let correlations = recorded.map_or(&[][..], |recorded| &recorded.correlations);
    table(&points, folder, "figures")?;
    table(&statistics, folder, "statistics")?;
    table(&differences, folder, "differences")?;
    table(&facts.entropies, folder, "entropy")?;
    table(&facts.correlations, folder, "correlations")?;
    table(&facts.widths, folder, "widths")?;
    table(&facts.costs, folder, "costs")?;
    table(&facts.ties, folder, "ties")?;
    table(entropies, folder, "recorded_entropy")?;
    table(correlations, folder, "recorded_correlations")?;
    write(folder, PAGE.as_ref(), page(facts, &figures, &drawings)?.as_bytes())
}

/// What a report lacks, in lines: files and folders, and replicas that did not get to their end.
pub fn missing(facts: &Facts) -> Vec<String> {
    let line = |Gap { path, reason }: &Gap| format!("{}: {reason}", path.display());
    let replicas = facts.comparison.iter().flat_map(|comparison| comparison.missing.clone());
    facts.gaps.iter().map(line).chain(replicas).collect()
}

fn table(rows: &[impl Serialize], folder: &Dir, name: &str) -> Result<(), ReportError> {
    debug_assert!(TABLES.contains(&name), "a report with {name} in it would be taken for none");
    let name = Path::new(name).with_extension("csv");
    if rows.is_empty() {
        return remove(folder, &[name.with_extension("arrow"), name]);
    }
    write_table_in(folder, &name, rows)
}

/// Refuses a folder that holds anything but a report, whole or half written.
fn check_is_report(folder: &Dir) -> Result<(), ReportError> {
    let is_own = |name: &str| {
        let stem = name.strip_suffix(".csv").or(name.strip_suffix(".arrow"));
        [PAGE, FIGURES, EVENTS].contains(&name) || stem.is_some_and(|stem| TABLES.contains(&stem))
    };
    let path = || folder.path().to_path_buf();
    let failed = |source| ReportError::Write { path: path(), source };
    let entries = folder.entries().map_err(failed)?;
    let mut names = entries.iter().map(|(name, _)| name);
    // What a process that was killed had begun to write is ours too.
    if !names.all(|name| is_partial(name) || name.to_str().is_some_and(is_own)) {
        return Err(ReportError::OtherFolder { path: path() });
    }
    folder.refuse_links(&[FIGURES, EVENTS]).map_err(failed)
}

fn remove(folder: &Dir, names: &[std::path::PathBuf]) -> Result<(), ReportError> {
    for name in names {
        let removed = folder.remove(name);
        removed.map_err(|source| ReportError::Write { path: folder.path().join(name), source })?;
    }
    Ok(())
}
