//! Writes the folder of a report: the page, its figures, and every number in them.
//!
//! | file | content |
//! |---|---|
//! | `report.html` | the page; it needs no other file |
//! | `figures/NAME.svg`, `.png` | its figures |
//! | `figures.csv` | every point of every figure |
//! | `statistics.csv`, `differences.csv` | estimates at all widths, verdicts at the widths that the page shows |
//! | `entropy.csv`, `correlations.csv` | entropies of the measurements and of noise, and their correlations |
//! | `widths.csv`, `costs.csv` | the cost ledger |
//! | `ties.csv` | neurons with equal scores, if they were counted |
//! | `recorded_entropy.csv`, `recorded_correlations.csv` | the same for the recorded run, if it is given |
//!
//! Every table is also written as an Arrow file.

use std::path::{Path, PathBuf};

use rayclip_data::{Dir, is_partial};
use rayclip_run_folder::paths;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::compare::comparison::Comparison;
use crate::error::ReportError;
use crate::facts::Facts;
use crate::figures::figure::Figure;
use crate::figures::figures;
use crate::out::drawings::drawing;
use crate::out::png::Renderer;
use crate::out::table_files::{write, write_table_in};
use crate::page::draw::Drawing;
use crate::page::page;

/// The file name of the page.
pub const PAGE: &str = "report.html";

/// The name of the folder for TensorBoard event files, the same in a report and in a run.
pub const EVENTS: &str = paths::EVENTS;

const FIGURES: &str = paths::FIGURES;

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

/// Writes the report of `facts` into `folder`. Overwrites a complete or incomplete report in it.
///
/// # Errors
/// The folder contains something else, has a link where the report writes, or cannot be written; or a figure cannot
/// be drawn.
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
    let drawings: Vec<Option<Drawing>> = figures.iter().map(drawing).collect::<Result<_, _>>()?;
    write_figures(folder, &figures, &drawings)?;
    write_tables(folder, facts, &figures)?;
    write(folder, PAGE.as_ref(), page(facts, &figures, &drawings)?.as_bytes())
}

fn write_figures(
    folder: &Dir,
    figures: &[Figure],
    drawings: &[Option<Drawing>],
) -> Result<(), ReportError> {
    let renderer = Renderer::default();
    for (figure, drawing) in figures.iter().zip(drawings) {
        let file = |kind| Path::new(FIGURES).join(figure.name).with_extension(kind);
        match drawing {
            Some(Drawing { screen, .. }) => {
                write(folder, &file("svg"), screen.as_bytes())?;
                write(folder, &file("png"), &renderer.png(figure.name, screen)?)?;
            }
            // A drawing of an earlier report must not stay.
            None => remove(folder, &[file("svg"), file("png")])?,
        }
    }
    Ok(())
}

fn write_tables(folder: &Dir, facts: &Facts, figures: &[Figure]) -> Result<(), ReportError> {
    let points: Vec<_> = figures.iter().flat_map(Figure::rows).collect();
    let recorded = facts.recorded.as_ref();
    let comparison = facts.comparison.as_ref();
    let statistics = comparison.map_or(vec![], Comparison::statistics);
    let differences = comparison.map_or(vec![], Comparison::differences);
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
    table(correlations, folder, "recorded_correlations")
}

/// Writes a table of the report. Removes a table without rows.
fn table<T: Serialize + DeserializeOwned>(
    rows: &[T],
    folder: &Dir,
    name: &str,
) -> Result<(), ReportError> {
    debug_assert!(TABLES.contains(&name), "a report with {name} in it would not be recognised");
    let name = Path::new(name).with_extension("csv");
    if rows.is_empty() {
        return remove(folder, &[name.with_extension("arrow"), name]);
    }
    write_table_in(folder, &name, rows)
}

/// Refuses a folder that contains anything other than a complete or incomplete report.
fn check_is_report(folder: &Dir) -> Result<(), ReportError> {
    let is_own = |name: &str| {
        let stem = name.strip_suffix(".csv").or(name.strip_suffix(".arrow"));
        [PAGE, FIGURES, EVENTS].contains(&name) || stem.is_some_and(|stem| TABLES.contains(&stem))
    };
    let path = || folder.path().to_path_buf();
    let failed = |source| ReportError::Write { path: path(), source };
    let entries = folder.entries().map_err(failed)?;
    let mut names = entries.iter().map(|(name, _)| name);
    // Files that a killed process started to write belong to the report too.
    if !names.all(|name| is_partial(name) || name.to_str().is_some_and(is_own)) {
        return Err(ReportError::OtherFolder { path: path() });
    }
    folder.refuse_links(&[FIGURES, EVENTS]).map_err(failed)
}

fn remove(folder: &Dir, names: &[PathBuf]) -> Result<(), ReportError> {
    for name in names {
        let removed = folder.remove(name);
        removed.map_err(|source| ReportError::Write { path: folder.path().join(name), source })?;
    }
    Ok(())
}
