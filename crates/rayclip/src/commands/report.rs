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
    let facts = Facts::gather(&args.runs, args.baseline.as_deref(), args.recorded.as_deref())?
        .with_margin(args.margin.margin);
    let out = args.out.clone().unwrap_or_else(|| default_folder(&args.runs));
    write_report(&facts, &out)?;
    if args.tensorboard {
        let alone = facts.runs.len() == 1;
        for (place, run) in facts.runs.iter().enumerate() {
            // Runs of several folders may have one name.
            let name = if alone { String::new() } else { format!("{place}-{}", name(run)) };
            EventFiles::new(&out.join(EVENTS).join(name)).follow(run, true)?;
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

/// The last part of a run's path.
fn name(run: &Run) -> String {
    run.folder.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned())
}
