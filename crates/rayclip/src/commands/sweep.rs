//! `rayclip sweep`: runs every combination of a grid once, and prints one table of all.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use rayclip_data::Dir;
use rayclip_report::{Run, SweepCell, SweepResult, sweep_results, sweep_table, write_sweep};
use rayclip_run_folder::config::grid::{Cell, Grid};
use rayclip_run_folder::presets::Setting;
use rayclip_trainer::FolderLock;
use serde_json::json;

use super::cells::{Cells, End, lock};
use super::configure::{methods, seeds, settings};
use super::folders::check_out;
use crate::args::SweepArgs;
use crate::interrupt;
use crate::output;
use crate::progress::Mode;
use crate::tables;

/// The folder of the runs, in the folder of a sweep.
const CELLS: &str = "cells";

/// The most lines of the final table; the files have all lines.
const SHOWN: usize = 10;

/// Runs the cells of a grid, and ranks them by their accuracy on the held-out images.
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
    // All cells are checked before the first one runs.
    let first = grid.cells(preset, &more)?.swap_remove(0).config;
    let mut runner = Cells::new(first.device, args.options.options(), mode)?;
    let device = runner.device(first.device)?;
    let cells = grid.cells(preset, &[more, vec![device]].concat())?;
    let _lock = prepare(&folder, &args.grid)?;
    let sweep = Sweep { keys: grid.keys(), cells: &cells, folder: &folder, mode };

    // Finished cells come first, so that an interrupt does not remove them from the tables.
    let mut ended = sweep.finished(&mut runner)?;
    let is_interrupted = sweep.run_others(&mut runner, &mut ended)?;
    let ended: Vec<SweepCell> = ended.into_iter().flatten().collect();
    write_sweep(&sweep.keys, &ended, &folder)?;
    sweep.report(&ended, args.at)?;
    let whole = |cell: &SweepCell| cell.run.as_ref().is_ok_and(|run| run.missing.is_empty());
    Ok(match (is_interrupted, ended.iter().all(whole)) {
        (true, _) => ExitCode::from(interrupt::EXIT_CODE),
        (false, true) => ExitCode::SUCCESS,
        (false, false) => ExitCode::from(1),
    })
}

/// The cells of a grid in a sweep folder.
struct Sweep<'a> {
    /// Keys of the grid.
    keys: Vec<&'a str>,
    cells: &'a [Cell],
    folder: &'a Path,
    mode: Mode,
}

impl Sweep<'_> {
    /// Returns the cells that an earlier sweep has finished; `None` for the others.
    fn finished(&self, runner: &mut Cells) -> anyhow::Result<Vec<Option<SweepCell>>> {
        let mut finished = vec![];
        for (index, cell) in self.cells.iter().enumerate() {
            if runner.is_finished(&cell.config, &self.path(cell))? {
                self.show(index, &CellEnd { word: "skipped", error: None });
                finished.push(Some(row(cell, Ok(Run::read(self.path(cell).path())?))));
            } else {
                finished.push(None);
            }
        }
        Ok(finished)
    }

    /// Runs the cells that have not ended, until the last one or an interrupt. Returns whether it was interrupted.
    fn run_others(
        &self,
        runner: &mut Cells,
        ended: &mut [Option<SweepCell>],
    ) -> anyhow::Result<bool> {
        for (index, cell) in self.cells.iter().enumerate() {
            if ended[index].is_some() {
                continue;
            }
            let end = runner.run(&cell.config, &self.path(cell))?;
            self.show(index, &CellEnd::of(&end));
            ended[index] = Some(match end {
                End::Interrupted => return Ok(true),
                End::Failed(error) => row(cell, Err(error)),
                End::Done => row(cell, Ok(Run::read(self.path(cell).path())?)),
            });
            let so_far: Vec<SweepCell> = ended.iter().flatten().cloned().collect();
            write_sweep(&self.keys, &so_far, self.folder)?;
        }
        Ok(false)
    }

    fn path(&self, cell: &Cell) -> Dir {
        Dir::from(self.folder).join(CELLS).join(&cell.id)
    }

    /// Prints how a cell ended.
    fn show(&self, index: usize, end: &CellEnd<'_>) {
        let (cell, CellEnd { word, error }) = (&self.cells[index], end);
        match self.mode {
            Mode::Lines => {
                let (number, total) = (index + 1, self.cells.len());
                let error = error.map_or(String::new(), |error| format!(": {error}"));
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

    /// Prints the ranking of the cells that have ended, at a number of neurons.
    fn report(&self, ended: &[SweepCell], neurons: Option<usize>) -> anyhow::Result<()> {
        let results = sweep_results(ended, neurons)?;
        match self.mode {
            Mode::Quiet => output::result(&output::path(self.folder)),
            Mode::Json => print_json(ended, &results),
            Mode::Lines | Mode::Bars => self.print_table(ended, &results),
        }
        Ok(())
    }

    fn print_table(&self, ended: &[SweepCell], results: &[SweepResult]) {
        let data = ended.iter().find_map(|cell| cell.run.as_ref().ok());
        let data = data.map_or(String::new(), |run| format!("{}: ", run.data.title()));
        output::result(&format!(
            "\n{data}best first, by accuracy on the held-out images; test accuracy of the best only \
             (mean ± half the 95 % interval)"
        ));
        let of_results = ["method", "neurons", "batches", "validation", "test"];
        let heads: Vec<&str> = self.keys.iter().copied().chain(of_results).collect();
        let table = sweep_table(&self.keys, ended, results, SHOWN).to_terminal();
        tables::print(table, &[self.keys.len() + 2, self.keys.len() + 1], &heads);
        let failed: Vec<_> =
            ended.iter().filter_map(|cell| Some((cell, cell.run.as_ref().err()?))).collect();
        for (cell, error) in &failed {
            output::note(&format!("failed: {} ({}): {error}", cell.id, cell.values.join(", ")));
        }
        output::result(&format!(
            "{} of {} cells finished, {} failed (the same command retries them); \
             sweep.csv and sweep.arrow have every row: {}",
            ended.len() - failed.len(),
            self.cells.len(),
            failed.len(),
            output::path(self.folder)
        ));
    }
}

/// How a cell ended, for the line about it.
struct CellEnd<'a> {
    word: &'static str,
    error: Option<&'a str>,
}

impl<'a> CellEnd<'a> {
    fn of(end: &'a End) -> Self {
        match end {
            End::Done => Self { word: "finished", error: None },
            End::Interrupted => Self { word: "interrupted", error: None },
            End::Failed(error) => Self { word: "failed", error: Some(error) },
        }
    }
}

fn row(cell: &Cell, run: Result<Run, String>) -> SweepCell {
    let values = cell.values.iter().map(|(_, value)| value.clone()).collect();
    SweepCell { id: cell.id.clone(), values, run }
}

fn print_json(ended: &[SweepCell], results: &[SweepResult]) {
    for (rank, result) in results.iter().enumerate() {
        let test = result.test.filter(|_| rank == 0);
        let event = json!({
            "event": "result", "rank": rank + 1, "cell": ended[result.cell].id,
            "method": result.method, "neurons": result.neurons, "batches": result.batches,
            "seeds": result.seeds, "validation": result.validation, "test": test,
        });
        output::result(&event.to_string());
    }
}

fn flags(args: &SweepArgs) -> Vec<Setting> {
    let methods = (!args.methods.is_empty()).then(|| methods(&args.methods));
    let seeds = args.seeds.into_iter().flat_map(seeds);
    methods.into_iter().chain(seeds).collect()
}

fn default_folder(grid: &Path) -> PathBuf {
    Path::new("runs").join(grid.file_stem().unwrap_or("sweep".as_ref()))
}

/// Makes the folder of the sweep, or reuses it, and locks it. Copies the grid into it.
fn prepare(folder: &Path, grid: &Path) -> anyhow::Result<FolderLock> {
    check_out(folder)?;
    let empty = || folder.read_dir().is_ok_and(|mut entries| entries.next().is_none());
    anyhow::ensure!(
        !folder.exists() || folder.join(CELLS).is_dir() || empty(),
        "{} exists and is not a sweep; nothing was changed: name another folder with --out",
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

/// Cuts a line so that it fits. The files and the messages at the end have the rest.
fn cut(line: &str, room: usize) -> String {
    if line.chars().count() <= room {
        return line.to_owned();
    }
    let kept: String = line.chars().take(room.saturating_sub(1)).collect();
    format!("{kept}…")
}
