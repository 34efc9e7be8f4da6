//! `rayclip compare`: runs several methods with the same seeds, or reads finished runs, and prints statistics.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use rayclip_report::{
    Comparison, Gap, Measure, Run, budget_sentence, differences_table, estimates_table,
    family_sentence, sampling_sentence, table_1, ties, ties_sentence, verdict_sentence,
    write_comparison,
};
use rayclip_run_folder::Outcome;
use serde::Serialize;
use serde_json::json;

use super::configure::{methods, resolve, seeds};
use super::folders::{check_distinct, check_run, damaged};
use super::train::{TrainArgs, Trained, closing_line, train};
use super::tune::tune;
use crate::args::{CompareArgs, Seeds};
use crate::progress::{Mode, merged};
use crate::tables::print_in_parts;
use crate::{device, interrupt, output};

/// The methods of the paper.
pub(crate) const METHODS: [&str; 3] = ["dtc", "magnitude", "random"];

/// The default seeds.
const SEEDS: Seeds = Seeds { first: 0, count: 5 };

/// Runs or reads what is compared, and prints which differences were found.
pub(crate) fn compare(args: &CompareArgs) -> anyhow::Result<ExitCode> {
    let mode = args.out.show.mode();
    if !args.runs.is_empty() {
        let runs = read(&args.runs)?;
        let (comparison, gaps) = gather(&runs, args.margin.margin)?;
        let damaged: Vec<String> = args.runs.iter().flat_map(|run| damaged(run)).collect();
        for text in &damaged {
            output::note(&format!("damaged: {}; restore it from a copy", output::text(text)));
        }
        let baseline = args.baseline.as_deref();
        let baseline = baseline.map(|name| comparison.method(name)).transpose()?;
        show(&comparison, baseline, mode);
        show_ties(&runs, mode);
        let is_whole = runs.iter().all(is_whole) && gaps == 0 && damaged.is_empty();
        return Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::from(1) });
    }
    let defaults = [methods(&METHODS.map(str::to_owned))].into_iter().chain(seeds(SEEDS));
    let asked = (!args.methods.is_empty()).then(|| methods(&args.methods));
    let asked = asked.into_iter().chain(args.seeds.into_iter().flat_map(seeds));
    let mut config = resolve(&args.config, defaults.collect(), asked.collect())?;
    if let Some(name) = &args.baseline {
        let methods: Vec<String> =
            config.compression.methods.iter().map(ToString::to_string).collect();
        anyhow::ensure!(
            methods.contains(name),
            "--baseline {name} is not among the methods {}",
            methods.join(", ")
        );
    }
    if !args.tune.is_empty() && !tune(&mut config, args)? {
        return Ok(ExitCode::from(interrupt::EXIT_CODE));
    }
    let what = format!("compare-{}", config.preset);
    let trained = train(
        config,
        device::choose_fast,
        TrainArgs { options: args.options.options(), out: &args.out, stem: &what },
    )?;
    close(&trained, args.baseline.as_deref(), args.margin.margin, mode)?;
    Ok(trained.exit_code())
}

/// Writes and prints which differences were found in a run of several methods.
pub(crate) fn close(
    trained: &Trained,
    baseline: Option<&str>,
    margin: f64,
    mode: Mode,
) -> anyhow::Result<()> {
    let folder = &trained.folder;
    let run = Run::read(folder)?;
    if run.rows.is_empty() {
        output::note("there was no clip: there is nothing to compare");
    } else {
        let (comparison, _) = gather(std::slice::from_ref(&run), margin)?;
        write_comparison(&comparison, folder)?;
        let baseline = baseline.and_then(|name| {
            let known = comparison.method(name).ok();
            if known.is_none() {
                output::note(&format!(
                    "--baseline {name} has no clip; the first method is used instead"
                ));
            }
            known
        });
        show(&comparison, baseline, mode);
        show_ties(std::slice::from_ref(&run), mode);
    }
    closing_line(&run, folder, mode);
    Ok(())
}

/// Reads the runs in the folders.
fn read(folders: &[PathBuf]) -> anyhow::Result<Vec<Run>> {
    folders.iter().try_for_each(|run| check_run(run))?;
    check_distinct(folders)?;
    let read = |folder: &PathBuf| {
        Run::read(folder).with_context(|| format!("cannot compare {}", folder.display()))
    };
    folders.iter().map(read).collect()
}

/// Whether a run and all its replicas are finished.
fn is_whole(run: &Run) -> bool {
    let ended = run.summary.as_ref().is_some_and(|summary| summary.outcome == Outcome::Finished);
    ended && run.missing.is_empty()
}

/// Compares runs, with their predictions. Prints each prediction file that is missing or damaged, and returns their
/// number.
fn gather(runs: &[Run], margin: f64) -> anyhow::Result<(Comparison, usize)> {
    let mut comparison = Comparison::of(runs)?.with_margin(margin);
    let gaps = comparison.read_predictions(runs);
    for Gap { path, reason } in &gaps {
        output::note(&format!("missing: {}: {}", output::path(path), output::text(reason)));
    }
    Ok((comparison, gaps.len()))
}

/// Prints which methods leave neurons with equal scores.
fn show_ties(runs: &[Run], mode: Mode) {
    let sentence = ties_sentence(&ties(runs, |_, method| method.to_owned()));
    if let (Mode::Lines, Some(sentence)) = (mode, sentence) {
        output::sentence(&sentence);
    }
}

/// Prints the tables, or their rows as JSON. The differences are from `baseline`; without one, from the first method
/// (in JSON, from every method).
pub(crate) fn show(comparison: &Comparison, baseline: Option<usize>, mode: Mode) {
    match mode {
        Mode::Bars | Mode::Quiet => {}
        Mode::Json => {
            let notes = [("missing", &comparison.missing), ("differing", &comparison.differing)];
            for (event, texts) in notes {
                for text in texts {
                    output::result(&json!({ "event": event, "text": text }).to_string());
                }
            }
            let name = baseline.map(|baseline| &comparison.methods[baseline]);
            let mut differences = comparison.differences();
            differences.retain(|difference| name.is_none_or(|name| difference.baseline == *name));
            json_lines("statistic", &comparison.statistics());
            json_lines("difference", &differences);
        }
        Mode::Lines => show_tables(comparison, baseline.unwrap_or(0)),
    }
}

fn show_tables(comparison: &Comparison, baseline: usize) {
    for text in &comparison.missing {
        output::note(&format!("missing: {}", output::text(text)));
    }
    for text in &comparison.differing {
        output::note(&format!("the runs differ in {}", output::text(text)));
    }
    let measures = [
        (Measure::AccuracyAfterTraining, "after the training that follows"),
        (Measure::AccuracyAfterClip, "right after the clip"),
    ];
    for (measure, when) in measures {
        let data = comparison.data.title();
        let seeds = match comparison.seeds() {
            1 => "one seed".to_owned(),
            count => format!("{count} seeds, mean ± half the 95 % interval"),
        };
        output::result("");
        output::sentence(&format!("test accuracy on {data} {when}, {seeds}"));
        print_in_parts(&estimates_table(comparison, measure).to_terminal(), 2);
        if let Some(sentence) = verdict_sentence(comparison, measure, baseline) {
            output::result(&format!("differences, paired by seed, {when}"));
            print_in_parts(&differences_table(comparison, measure, baseline).to_terminal(), 1);
            output::sentence(&sentence);
        }
        if let Some(sentence) = sampling_sentence(comparison, measure, baseline) {
            output::sentence(&sentence);
        }
    }
    if let Some(sentence) = family_sentence(comparison, baseline) {
        output::result("");
        output::sentence(&sentence);
    }
    if let Some(sentence) = budget_sentence(comparison) {
        output::result("");
        output::sentence(&sentence);
    }
    if let Some(table) = table_1(comparison, None) {
        output::result("");
        output::sentence(
            "Table I of the paper (MNIST, its author's settings), right after the clip, smoothed: published \
             | here, with the settings of this run",
        );
        print_in_parts(&table.to_terminal(), 1);
    }
}

fn json_lines(event: &str, rows: &[impl Serialize]) {
    for row in rows {
        output::result(&merged(json!({ "event": event }), json!(row)).to_string());
    }
}
