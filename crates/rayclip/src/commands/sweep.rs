//! `rayclip sweep`: every combination of a grid, each done once, and one table of all.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use rayclip_data::Dir;
use rayclip_report::{Run, SweepCell, sweep_results, sweep_table, write_sweep};
use rayclip_trainer::FolderLock;
use rayclip_trainer::presets::Setting;
use rayclip_trainer::sweep::{Cell, Grid};
use serde_json::json;

use super::cells::{Cells, End, lock};
use super::configure::{methods, seeds, settings};
use super::folders::check_out;
use crate::args::SweepArgs;
use crate::interrupt;
use crate::output;
use crate::progress::Mode;
use crate::tables;

/// Where the runs are, in the folder of a sweep.
const CELLS: &str = "cells";

/// Lines of the closing table; the whole is in the files.
const SHOWN: usize = 10;

/// Runs the cells of a grid and says which is best by the images held out.
pub(crate) fn sweep(args: &SweepArgs) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        args.config.config.is_none(),
        "--config: the grid file {} is the configuration file of a sweep",
        args.grid.display()
    );
    let grid = Grid::read(&args.grid)?;
    let folder = args.out.clone().unwrap_or_else(|| default_folder(&args.grid));
    let mode = args.show.mode();
    let more = settings(&args.config, flags(args))?;
    let preset = args.config.preset.as_deref();
    // Every cell is looked at before the first is run.
    let first = grid.cells(preset, &more)?.swap_remove(0).config;
    let mut runner = Cells::new(first.device, args.conduct.conduct(), mode)?;
    let device = runner.device(first.device)?;
    let cells = grid.cells(preset, &[more, vec![device]].concat())?;
    let _lock = prepare(&folder, &args.grid)?;

    let (keys, total) = (grid.keys(), cells.len());
    let path = |cell: &Cell| Dir::from(&folder).join(CELLS).join(&cell.id);
    let row = |cell: &Cell, run: Result<Run, String>| SweepCell {
        id: cell.id.clone(),
        values: cell.values.iter().map(|(_, value)| value.clone()).collect(),
        run,
    };
    // What is there first: an interrupt must not take it out of the tables.
    let mut ended: Vec<Option<SweepCell>> = Vec::new();
    for (place, cell) in cells.iter().enumerate() {
        let is_finished = runner.is_finished(&cell.config, &path(cell))?;
        if is_finished {
            show_cell("kept", None, cell, (place + 1, total), mode);
        }
        let kept = is_finished.then(|| Run::read(path(cell).path())).transpose()?;
        ended.push(kept.map(|run| row(cell, Ok(run))));
    }
    let so_far = |ended: &[Option<SweepCell>]| ended.iter().flatten().cloned().collect::<Vec<_>>();
    let mut interrupted = false;
    for (place, cell) in cells.iter().enumerate() {
        if ended[place].is_some() {
            continue;
        }
        let end = runner.run(&cell.config, &path(cell))?;
        let (word, error) = match &end {
            End::Done => ("finished", None),
            End::Interrupted => ("interrupted", None),
            End::Failed(error) => ("failed", Some(error.as_str())),
        };
        show_cell(word, error, cell, (place + 1, total), mode);
        ended[place] = Some(match end {
            End::Interrupted => {
                interrupted = true;
                break;
            }
            End::Failed(error) => row(cell, Err(error)),
            End::Done => row(cell, Ok(Run::read(path(cell).path())?)),
        });
        write_sweep(&keys, &so_far(&ended), &folder)?;
    }
    let ended = so_far(&ended);
    write_sweep(&keys, &ended, &folder)?;
    report(&keys, &ended, args, (&folder, total), mode)?;
    let whole = |cell: &SweepCell| cell.run.as_ref().is_ok_and(|run| run.missing.is_empty());
    Ok(match (interrupted, ended.iter().all(whole)) {
        (true, _) => ExitCode::from(interrupt::EXIT_CODE),
        (false, true) => ExitCode::SUCCESS,
        (false, false) => ExitCode::from(1),
    })
}

fn flags(args: &SweepArgs) -> Vec<Setting> {
    let methods = (!args.methods.is_empty()).then(|| methods(&args.methods));
    let seeds = args.seeds.into_iter().flat_map(seeds);
    methods.into_iter().chain(seeds).collect()
}

fn default_folder(grid: &Path) -> PathBuf {
    Path::new("runs").join(grid.file_stem().unwrap_or("sweep".as_ref()))
}

/// Makes the folder, or takes one that a sweep has made, and locks it; the grid goes along with it.
fn prepare(folder: &Path, grid: &Path) -> anyhow::Result<FolderLock> {
    check_out(folder)?;
    let empty = || folder.read_dir().is_ok_and(|mut entries| entries.next().is_none());
    anyhow::ensure!(
        !folder.exists() || folder.join(CELLS).is_dir() || empty(),
        "{} exists and is no sweep; nothing was touched: name another folder with --out",
        folder.display()
    );
    let dir = Dir::from(folder);
    let cells = dir.join(CELLS);
    cells.make().with_context(|| format!("making {}", cells.path().display()))?;
    let lock = lock(folder)?;
    dir.remove_partial(0).with_context(|| format!("writing into {}", folder.display()))?;
    let bytes = std::fs::read(grid).with_context(|| format!("reading {}", grid.display()))?;
    let copy = folder.join("grid.toml");
    rayclip_data::write_whole(&copy, &bytes)
        .with_context(|| format!("writing {}", copy.display()))?;
    Ok(lock)
}

fn show_cell(
    word: &str,
    error: Option<&str>,
    cell: &Cell,
    (number, total): (usize, usize),
    mode: Mode,
) {
    match mode {
        Mode::Lines => {
            let error = error.map(|error| format!(": {error}")).unwrap_or_default();
            let (id, label) = (&cell.id, cell.label());
            let line = format!("{number:>4} of {total}  {id}  {word}  {label}{error}");
            output::result(&cut(&line, output::columns()));
        }
        Mode::Json => {
            let values: serde_json::Map<_, _> =
                cell.values.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
            let event = json!({
                "event": "cell", "cell": cell.id, "values": values, "outcome": word, "error": error,
            });
            output::result(&event.to_string());
        }
        Mode::Bars | Mode::Quiet => {}
    }
}

/// A line that fits; what is cut off is in the files and in the messages at the end.
fn cut(line: &str, room: usize) -> String {
    if line.chars().count() <= room {
        return line.to_owned();
    }
    let kept: String = line.chars().take(room.saturating_sub(1)).collect();
    format!("{kept}…")
}

fn report(
    keys: &[&str],
    cells: &[SweepCell],
    args: &SweepArgs,
    (folder, total): (&Path, usize),
    mode: Mode,
) -> anyhow::Result<()> {
    let results = sweep_results(cells, args.at)?;
    match mode {
        Mode::Quiet => output::result(&output::path(folder)),
        Mode::Json => {
            for (rank, result) in results.iter().enumerate() {
                let test = result.test.filter(|_| rank == 0);
                let event = json!({
                    "event": "result", "rank": rank + 1, "cell": cells[result.cell].id,
                    "method": result.method, "neurons": result.neurons, "batches": result.batches,
                    "seeds": result.seeds, "validation": result.validation, "test": test,
                });
                output::result(&event.to_string());
            }
        }
        Mode::Lines | Mode::Bars => {
            let data = cells.iter().find_map(|cell| cell.run.as_ref().ok());
            let data = data.map_or(String::new(), |run| format!("{}: ", run.data.title()));
            output::result(&format!(
                "\n{data}best first by the images held out; of the best alone, the test accuracy \
                 (mean ± half the 95 % interval)"
            ));
            let of_results = ["method", "neurons", "batches", "validation", "test"];
            let heads: Vec<&str> = keys.iter().copied().chain(of_results).collect();
            let table = sweep_table(keys, cells, &results, SHOWN);
            tables::print(table, &[keys.len() + 2, keys.len() + 1], &heads);
            for cell in cells {
                if let Err(error) = &cell.run {
                    output::note(&format!(
                        "failed: {} ({}): {error}",
                        cell.id,
                        cell.values.join(", ")
                    ));
                }
            }
            let failed = cells.iter().filter(|cell| cell.run.is_err()).count();
            output::result(&format!(
                "{} of {total} cells finished, {failed} failed (the same command tries them again); \
                 sweep.csv and sweep.arrow hold every row: {}",
                cells.len() - failed,
                output::path(folder)
            ));
        }
    }
    Ok(())
}
