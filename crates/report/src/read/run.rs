//! Reads a run from its folder.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rayclip_data::plain;
use rayclip_run_folder::config::Ranking;
use rayclip_run_folder::read::{self, Cycles, Gap, Groups, Rung, Verified};
use rayclip_run_folder::{
    CycleRow, DataSummary, Progress, RunConfig, Summary, TimingRow, limits, paths,
};
use toml::Table;

use crate::error::ReportError;
use crate::read::missing::{lost, missing};

/// The files that are read for every run.
const READ: [&str; 5] =
    [paths::CYCLES, paths::TIMINGS, paths::SUMMARY, paths::PROGRESS, paths::CONFIG];

/// A run.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its folder.
    pub folder: PathBuf,
    /// Every setting, as in the file.
    pub config: Table,
    /// The settings that are used in computations; `None` if `config.toml` cannot be read, or is not the complete
    /// configuration of a run.
    pub settings: Option<RunConfig>,
    /// All clips, in the order of the file.
    pub rows: Vec<CycleRow>,
    /// The times of the cycles, by cycle and replica.
    pub timings: BTreeMap<(usize, usize), TimingRow>,
    /// The groups of neurons that are clipped, and their widths before the first clip.
    pub groups: Groups,
    /// The images of its training and its measurements.
    pub data: DataSummary,
    /// Replicas that did not reach the end, each with the reason.
    pub missing: Vec<String>,
    /// How it ended; `None` if `summary.json` cannot be read.
    pub summary: Option<Summary>,
    /// How far it got; `None` if `progress.json` cannot be read.
    pub progress: Option<Progress>,
}

/// A run, and what its folder lacks.
struct Reading {
    run: Run,
    gaps: Vec<Gap>,
    /// Damaged files whose copies were read.
    from_copies: Vec<Gap>,
}

/// The content of the small files of a folder.
struct Small {
    table: Table,
    settings: Option<RunConfig>,
    summary: Option<Summary>,
    progress: Option<Progress>,
}

impl Run {
    /// Reads the folder `path`.
    ///
    /// # Errors
    /// A file that is read for every run is missing, damaged or incomplete, and has no copy in the manifest.
    pub fn read(path: &Path) -> Result<Self, ReportError> {
        let Reading { run, gaps, .. } = Reading::of(path)?;
        match gaps.into_iter().next() {
            Some(Gap { path, reason }) => Err(ReportError::Format { path, reason }),
            None => Ok(run),
        }
    }

    /// Reads everything that can be read in the folder `path`. The gaps name what cannot be read, and what has
    /// changed since the run finished.
    ///
    /// # Errors
    /// There is no `cycles.csv` with the columns that it must have.
    pub fn read_what_is_there(path: &Path) -> Result<(Self, Vec<Gap>), ReportError> {
        let Reading { run, mut gaps, from_copies } = Reading::of(path)?;
        gaps.extend(from_copies);
        Ok((run, gaps))
    }

    /// Returns the setting `section.key`, as in the file.
    pub fn setting(&self, section: &str, key: &str) -> Option<&toml::Value> {
        setting(&self.config, section, key)
    }

    /// Returns the times of a row's cycle and replica.
    pub fn timing(&self, row: &CycleRow) -> Option<&TimingRow> {
        self.timings.get(&(row.cycle, row.replica))
    }

    /// Returns the number of parameters of a replica before the first clip.
    pub fn parameters_before(&self) -> Option<usize> {
        self.summary.as_ref().map(|summary| summary.parameters_before)
    }

    /// Returns the methods, in the order of the replicas.
    pub fn methods(&self) -> Vec<&str> {
        let mut methods: Vec<(usize, &str)> = Vec::new();
        for row in &self.rows {
            match methods.iter_mut().find(|(_, method)| *method == row.method) {
                Some((first, _)) => *first = row.replica.min(*first),
                None => methods.push((row.replica, &row.method)),
            }
        }
        methods.sort_unstable();
        methods.into_iter().map(|(_, method)| method).collect()
    }

    /// Returns the rows of one cycle.
    pub fn cycle(&self, cycle: usize) -> impl Iterator<Item = &CycleRow> {
        self.rows.iter().filter(move |row| row.cycle == cycle)
    }

    /// Returns the rows of every cycle that has rows, in the order of the file.
    pub(crate) fn by_cycle(&self) -> BTreeMap<usize, Vec<&CycleRow>> {
        let mut cycles: BTreeMap<usize, Vec<&CycleRow>> = BTreeMap::new();
        for row in &self.rows {
            cycles.entry(row.cycle).or_default().push(row);
        }
        cycles
    }

    /// Returns the number of cycles with a clip.
    pub fn cycles(&self) -> usize {
        self.rows.iter().map(|row| row.cycle + 1).max().unwrap_or(0)
    }

    /// Returns whether every network has its own widths.
    pub fn has_own_widths(&self) -> bool {
        let settings = self.settings.as_ref();
        settings.is_some_and(|settings| settings.compression.ranking == Ranking::Global)
    }

    /// Returns the rungs that the run reached, by cycle.
    pub fn rungs(&self) -> BTreeMap<usize, Rung> {
        read::rungs(&self.rows, &self.groups)
    }
}

impl Reading {
    fn of(path: &Path) -> Result<Self, ReportError> {
        let found = fs::metadata(path.join(paths::CYCLES));
        if found.is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            return Err(ReportError::NotARun { path: path.to_path_buf(), holds: runs_in(path) });
        }
        let mut gaps = vec![];
        let mut verified = Verified::of(path);
        let Cycles { rows, damaged, is_version_0_1 } = read::cycles(path)?;
        gaps.extend(damaged.map(|reason| gap(path, paths::CYCLES, reason)));
        let timings = timings(path, rows.is_empty(), &mut gaps);
        let mut small = Small::read(&mut verified, path, &mut gaps);
        if let Some(summary) = &mut small.summary {
            read::complete_summary(summary);
        }
        let mut run = small.into_run(path, rows, timings);
        let lost_rows = run.summary.as_ref().and_then(|summary| lost(summary, &run.rows));
        let own = run.has_own_widths();
        let impossible = read::drop_impossible(&mut run.rows, &run.groups, own);
        gaps.extend(impossible.or(lost_rows).map(|reason| gap(path, paths::CYCLES, reason)));
        if is_version_0_1 {
            let Run { rows, groups, data, settings, .. } = &mut run;
            read::complete_rows(rows, groups, data, settings.as_ref());
        }
        verified.check(|name| READ.contains(&name), &gaps);
        // A damaged file comes before what cannot be read in it.
        gaps.splice(0..0, verified.gaps);
        Ok(Self { run, gaps, from_copies: verified.from_copies })
    }
}

impl Small {
    fn read(verified: &mut Verified<'_>, path: &Path, gaps: &mut Vec<Gap>) -> Self {
        let limit = limits::SUMMARY_BYTES;
        let summary = verified.read(paths::SUMMARY, limit).and_then(|bytes| read::summary(&bytes));
        let summary = or_gap(summary, path, paths::SUMMARY, gaps);
        let progress = verified.read(paths::PROGRESS, limit);
        let progress = progress.and_then(|bytes| read::progress(&bytes));
        let progress = or_gap(progress, path, paths::PROGRESS, gaps);
        let config = verified.read(paths::CONFIG, limits::CONFIG_BYTES);
        let config = config.and_then(|bytes| read::config(&bytes));
        let config = or_gap(config, path, paths::CONFIG, gaps);
        let (table, settings) =
            config.map_or_else(Default::default, |config| (config.table, config.config));
        Self { table, settings, summary, progress }
    }

    fn into_run(
        self,
        path: &Path,
        rows: Vec<CycleRow>,
        timings: BTreeMap<(usize, usize), TimingRow>,
    ) -> Run {
        let Self { table, settings, summary, progress } = self;
        let source = setting(&table, "data", "source").and_then(toml::Value::as_str);
        let groups = match &summary {
            Some(summary) => Groups::of_summary(summary),
            None => Groups::of_config(&table).unwrap_or_else(|| Groups::of_rows(&rows)),
        };
        let mut data = match &summary {
            Some(summary) => summary.data.clone(),
            None => DataSummary::unknown(source.map_or_else(|| "unknown data".into(), plain)),
        };
        data.name_built_in(source);
        Run {
            folder: path.to_path_buf(),
            missing: summary.as_ref().map_or(vec![], missing),
            config: table,
            settings,
            rows,
            timings,
            groups,
            data,
            summary,
            progress,
        }
    }
}

fn setting<'a>(config: &'a Table, section: &str, key: &str) -> Option<&'a toml::Value> {
    config.get(section)?.get(key)
}

fn gap(folder: &Path, name: &str, reason: String) -> Gap {
    Gap { path: folder.join(name), reason }
}

/// Returns the times by cycle and replica. Adds a gap if they cannot be read.
fn timings(
    path: &Path,
    has_no_clip: bool,
    gaps: &mut Vec<Gap>,
) -> BTreeMap<(usize, usize), TimingRow> {
    let table = match read::timings(path) {
        Ok(table) => table,
        // Nothing is timed before the first clip.
        Err(_) if has_no_clip => return BTreeMap::new(),
        Err(reason) => {
            gaps.push(gap(path, paths::TIMINGS, reason));
            return BTreeMap::new();
        }
    };
    gaps.extend(table.damaged.map(|reason| gap(path, paths::TIMINGS, reason)));
    table.rows.into_iter().map(|row| ((row.cycle, row.replica), row)).collect()
}

/// Returns the names of the runs in a folder.
fn runs_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = folder.read_dir() else { return vec![] };
    let runs =
        entries.filter_map(Result::ok).filter(|entry| entry.path().join(paths::CYCLES).exists());
    let mut names: Vec<String> =
        runs.map(|entry| plain(&entry.file_name().to_string_lossy())).collect();
    names.sort();
    names
}

/// Returns the content of a file, or adds a gap.
fn or_gap<T>(
    content: Result<T, String>,
    folder: &Path,
    name: &str,
    gaps: &mut Vec<Gap>,
) -> Option<T> {
    content.map_err(|reason| gaps.push(gap(folder, name, plain(&reason)))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUMMARY: &str = r#"{"widths_before":[4],"parameters_before":9,"replicas":[{"replica":0,
        "method":"dtc","seed":3,"outcome":"diverged","divergence":{"replica":0,"method":"dtc","seed":3,
        "cycle":1,"reason":"the loss is NaN"}}],"data":{"name":"d","digest":"0","test":1,"validation":0},
        "version":"0.1.0","device":"flex","outcome":"diverged"}"#;

    const PROGRESS: &str = r#"{"cycle":1,"widths":[4],"batches_done":1,"batches":9,"updated":1,
        "resumed":0,"train_seconds":1,"compress_seconds":0,"seconds":1}"#;

    #[test]
    fn names_the_file_that_is_missing_or_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        let message = || Run::read(folder.path()).unwrap_err().to_string();
        assert!(message().contains("cycles.csv"));
        write("cycles.csv", "replica,cycle\n0,zero\n");
        assert!(message().contains("cycles.csv: "));
        write("cycles.csv", "");
        assert!(message().contains("summary.json"));
        write("summary.json", SUMMARY);
        assert!(message().contains("progress.json"));
        write("progress.json", PROGRESS);
        assert!(message().contains("config.toml"));
        write("config.toml", "seed = 3");
        let run = Run::read(folder.path()).unwrap();
        assert_eq!(run.missing, ["replica 0 (dtc, seed 3) diverged in cycle 1: the loss is NaN"]);
        assert_eq!((run.groups.names, run.settings), (vec!["layer_0".to_owned()], None));
        let absurd = [
            ("[4]", "[18446744073709551615, 1]", "no network has"),
            ("[4]", "[0]", "no network has"),
            (":9", ":18446744073709551615", "parameters_before"),
            ("\"test\":1", "\"test\":1e3,\"classes\":2", "summary.json"),
            ("\"test\":1", "\"test\":1,\"image_shape\":[4294967296,4294967296]", "image_shape"),
        ];
        for (good, bad, expected) in absurd {
            write("summary.json", &SUMMARY.replacen(good, bad, 1));
            assert!(message().contains(expected), "{bad}: {}", message());
        }
        write("summary.json", SUMMARY);
        write("progress.json", &PROGRESS.replacen("\"seconds\":1", "\"seconds\":-1", 1));
        assert!(message().contains("progress.json: seconds is a number"), "{}", message());
        let deep = SUMMARY.replacen("[4]", &format!("[4],\"x\":{}", "[".repeat(100_000)), 1);
        write("summary.json", &deep);
        assert!(message().contains("summary.json: expected value"), "{}", message());
    }

    #[test]
    fn what_a_summary_would_say_is_taken_from_elsewhere_where_there_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let head = "replica,method,seed,cycle,group,width_before,width_after,sparsity,\
                    accuracy_after_clip,parameters";
        let cycles = format!("{head}\n0,dtc,0,0,layer_1,4,3,0.25,0.5,9\n");
        fs::write(folder.path().join("cycles.csv"), cycles).unwrap();
        let read = |config: &str| {
            fs::write(folder.path().join("config.toml"), config).unwrap();
            Run::read_what_is_there(folder.path()).unwrap().0
        };
        let run = read("[data]\nsource = \"digits\"\n[network]\nhidden = [3, 4]");
        assert_eq!(
            (run.data.name.as_str(), &run.groups.widths[..]),
            ("synthetic digits", &[3, 4][..])
        );
        assert_eq!((run.rows.len(), run.rungs()[&0].label()), (1, "3 × 3".to_owned()));
        let run = read("");
        assert_eq!(
            (run.data.name.as_str(), run.groups.names),
            ("unknown data", vec!["layer_1".into()])
        );
        assert_eq!((run.rows.len(), run.rows[0].macs), (1, None));
    }
}
