//! `rayclip reproduce`: runs the paper's methods with every preset, and shows the results beside its Table I.

use std::process::ExitCode;

use anyhow::Context;
use rayclip_data::Dir;
use rayclip_report::{
    Facts, Measure, PAGE, Recorded, estimates_table, missing, table_1, verdict_sentence,
    write_comparison, write_report,
};
use rayclip_run_folder::presets::{self, Layers};
use toml::Value;

use super::cells::{Cells, End, lock};
use super::compare::METHODS;
use super::configure::{flag, methods, parse_settings, seeds};
use super::report;
use crate::args::ReproduceArgs;
use crate::progress::Mode;
use crate::tables::print_in_parts;
use crate::{interrupt, output};

/// The presets of the paper's method. That of the author's code comes first: it belongs to the published results.
const PAPER: [&str; 3] = ["supplement", "paper", "corrected"];

/// Does the runs that are missing, and prints published, recorded and own accuracies side by side.
pub(crate) fn reproduce(args: &ReproduceArgs) -> anyhow::Result<ExitCode> {
    // This is read first, so that a wrong folder is reported before any run.
    args.recorded.as_deref().map(Recorded::read).transpose()?;
    let mut settings = parse_settings(&args.settings)?;
    let own = ["compression.methods", "data.source", "device", "seed", "replicas"];
    if let Some(setting) = settings.iter().find(|setting| own.contains(&setting.key.as_str())) {
        anyhow::bail!(
            "--set {}: reproduce has the flags --data, --device and --seeds, and its own methods",
            setting.key
        );
    }
    let mut runner = Cells::new(args.device, args.options.options(), Mode::Lines)?;
    let _lock = lock(&args.out)?;
    settings.extend([
        methods(&METHODS.map(str::to_owned)),
        flag("data", "data.source", Value::String(args.data.clone())),
        runner.device(args.device)?,
    ]);
    settings.extend(seeds(args.seeds));
    let mut whole = true;
    for name in PAPER {
        let layers = Layers { preset: Some(name), settings: settings.clone(), ..Layers::default() };
        let config = presets::resolve(&layers)?;
        let folder = Dir::from(&args.out).join(name);
        if !runner.is_finished(&config, &folder)? {
            match runner.run(&config, &folder)? {
                End::Interrupted => return Ok(ExitCode::from(interrupt::EXIT_CODE)),
                End::Failed(error) => anyhow::bail!("preset {name}: {error}"),
                End::Done => {}
            }
        }
        whole &= show(name, &folder, args)?;
    }
    output::result(&format!("run folders: {}", output::path(&args.out)));
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Prints the results of a preset's run, and writes its report. Returns whether every replica finished.
fn show(preset: &str, folder: &Dir, args: &ReproduceArgs) -> anyhow::Result<bool> {
    let runs = [folder.path().to_path_buf()];
    let facts = Facts::gather(&runs, Some("dtc"), args.recorded.as_deref())?
        .with_margin(args.margin.margin);
    for line in &missing(&facts) {
        output::note(&format!("missing: {}", output::text(line)));
    }
    let comparison = facts.comparison.as_ref().context("there is no clip to compare")?;
    write_comparison(comparison, folder.path())?;
    let columns = match &facts.recorded {
        Some(_) => "published | recorded | here",
        None => "published | here (--recorded DIR also shows the author's recorded run)",
    };
    let series = facts.recorded.as_ref().map(|recorded| recorded.accuracies.smoothed());
    if let Some(table) = table_1(comparison, series.as_ref()) {
        output::result(&format!(
            "\npreset {preset}, right after the clip, smoothed as in Table I: {columns}; ± is half the 95 % \
             interval over the {} seeds",
            comparison.seeds()
        ));
        print_in_parts(&table.to_terminal(), 1);
    } else {
        output::result(&format!(
            "\npreset {preset}, right after the clip, mean ± half the 95 % interval; without published values, as \
             the images are not MNIST or the ladder is not the paper's"
        ));
        print_in_parts(&estimates_table(comparison, Measure::AccuracyAfterClip).to_terminal(), 2);
    }
    for (measure, when) in [
        (Measure::AccuracyAfterTraining, "after the training that follows"),
        (Measure::AccuracyAfterClip, "right after the clip, before smoothing"),
    ] {
        if let Some(sentence) = verdict_sentence(comparison, measure, facts.baseline) {
            output::result(&format!("{when}: {sentence}"));
        }
    }
    let report = folder.join(report::FOLDER);
    write_report(&facts, &report)?;
    output::result(&format!("report: {}", output::path(&report.path().join(PAGE))));
    Ok(comparison.missing.is_empty())
}
