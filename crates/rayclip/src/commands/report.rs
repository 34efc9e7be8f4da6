//! `rayclip report`: a page of what runs showed.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rayclip_report::{EVENTS, EventFiles, Facts, PAGE, Run, missing, write_report};

use crate::args::ReportArgs;
use crate::output;

/// Where the report of several runs goes, and of one within its folder.
pub(crate) const FOLDER: &str = "report";

/// Writes the report, and names what is missing in it.
pub(crate) fn report(args: &ReportArgs) -> anyhow::Result<ExitCode> {
    let facts = Facts::gather(&args.runs, args.baseline.as_deref(), args.recorded.as_deref())?;
    let out = args.out.clone().unwrap_or_else(|| default_folder(&args.runs));
    write_report(&facts, &out)?;
    if args.tensorboard {
        for run in &facts.runs {
            EventFiles::new(&out.join(EVENTS).join(name(run, &facts))).follow(run, true)?;
        }
    }
    let missing = missing(&facts);
    for line in &missing {
        output::note(&format!("missing: {line}"));
    }
    output::result(&out.join(PAGE).display().to_string());
    Ok(if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn default_folder(runs: &[PathBuf]) -> PathBuf {
    match runs {
        [run] => run.join(FOLDER),
        _ => Path::new(FOLDER).to_path_buf(),
    }
}

/// The folder of a run's event files: that of all of them, where there is one.
fn name<'a>(run: &'a Run, facts: &Facts) -> &'a Path {
    let alone = facts.runs.len() == 1;
    run.folder.file_name().filter(|_| !alone).map_or(Path::new(""), Path::new)
}
