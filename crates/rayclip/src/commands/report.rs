//! `rayclip report`: a page of what runs showed.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rayclip_report::{Facts, PAGE, gap_lines, write_report};

use crate::args::ReportArgs;
use crate::output;

/// Where the report of several runs goes, and of one within its folder.
const FOLDER: &str = "report";

/// Writes the report, and names what is missing in it.
pub(crate) fn report(args: &ReportArgs) -> anyhow::Result<ExitCode> {
    let facts = Facts::gather(&args.runs, args.baseline.as_deref(), args.recorded.as_deref())?;
    let out = args.out.clone().unwrap_or_else(|| default_folder(&args.runs));
    write_report(&facts, &out)?;
    let gaps = gap_lines(&facts);
    for line in &gaps {
        output::note(&format!("missing: {line}"));
    }
    for text in facts.comparison.iter().flat_map(|comparison| &comparison.missing) {
        output::note(&format!("missing: {text}"));
    }
    output::result(&out.join(PAGE).display().to_string());
    Ok(if gaps.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn default_folder(runs: &[PathBuf]) -> PathBuf {
    match runs {
        [run] => run.join(FOLDER),
        _ => Path::new(FOLDER).to_path_buf(),
    }
}
