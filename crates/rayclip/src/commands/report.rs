//! `rayclip report`: writes a page about runs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rayclip_data::Dir;
use rayclip_report::{EVENTS, EventFiles, Facts, PAGE, Run, missing, write_report};

use super::folders::{check_out, check_run};
use crate::args::ReportArgs;
use crate::output;

/// The folder of a report: in the run folder for one run, here for several runs.
pub(crate) const FOLDER: &str = "report";

/// Writes the report, and prints what is missing in it.
pub(crate) fn report(args: &ReportArgs) -> anyhow::Result<ExitCode> {
    // With several runs, a missing one is a gap of the page.
    if let [run] = args.runs.as_slice() {
        check_run(run)?;
    }
    args.out.as_deref().map(check_out).transpose()?;
    let facts = Facts::gather(&args.runs, args.baseline.as_deref(), args.recorded.as_deref())?
        .with_margin(args.margin.margin);
    let out = args.out.as_ref().map_or_else(|| default_folder(&args.runs), Dir::from);
    write_report(&facts, &out)?;
    if args.tensorboard {
        let alone = facts.runs.len() == 1;
        for (place, run) in facts.runs.iter().enumerate() {
            // Runs in different folders may have the same name.
            let name = if alone { String::new() } else { format!("{place}-{}", name(run)) };
            EventFiles::new(out.join(EVENTS).join(name)).write_run(run)?;
        }
    }
    let missing = missing(&facts);
    for line in &missing {
        output::note(&format!("missing: {}", output::text(line)));
    }
    output::result(&output::path(&out.path().join(PAGE)));
    Ok(if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn default_folder(runs: &[PathBuf]) -> Dir {
    match runs {
        [run] => Dir::from(run).join(FOLDER),
        _ => Dir::from(Path::new(FOLDER)),
    }
}

/// Returns the last part of a run's path.
fn name(run: &Run) -> String {
    run.folder.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned())
}
