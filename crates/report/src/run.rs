//! A run, as its folder tells it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rayclip_data::plain;

use crate::clips::{drop_impossible, first_widths, read_clips, read_timings};
use crate::limits;
use crate::summary::{Data, Progress, Summary, SummaryFile};
use crate::verify::Verified;
use crate::{Clip, ReportError};

/// The files that are read of every run.
const READ: [&str; 5] =
    ["cycles.csv", "timings.csv", "summary.json", "progress.json", "config.toml"];

/// A run.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its folder.
    pub folder: PathBuf,
    /// Every setting.
    pub config: toml::Table,
    /// All clips, in the order of the file.
    pub clips: Vec<Clip>,
    /// Neurons of every hidden layer before the first clip.
    pub widths_before: Vec<usize>,
    /// Parameters of a replica before the first clip.
    pub parameters_before: Option<usize>,
    /// The images that it was trained on and measured with.
    pub data: Data,
    /// Replicas that did not get to the end, and why.
    pub missing: Vec<String>,
    /// How it ended; nothing where `summary.json` cannot be read.
    pub summary: Option<Summary>,
    /// How far it got; nothing where `progress.json` cannot be read.
    pub progress: Option<Progress>,
}

/// Something that is not there or cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

impl Run {
    /// Reads the folder `path`.
    ///
    /// # Errors
    /// `config.toml`, `cycles.csv` or `summary.json` is missing or damaged.
    pub fn read(path: &Path) -> Result<Self, ReportError> {
        let (run, gaps, _) = Self::read_and_verify(path)?;
        match gaps.into_iter().next() {
            Some(Gap { path, reason }) => Err(ReportError::Format { path, reason }),
            None => Ok(run),
        }
    }

    /// Reads the folder `path` as far as it can be read, and says what cannot, and what is not as a finished run
    /// left it.
    ///
    /// # Errors
    /// There is no `cycles.csv` with the columns that it must have.
    pub fn read_what_is_there(path: &Path) -> Result<(Self, Vec<Gap>), ReportError> {
        let (run, mut gaps, from_copies) = Self::read_and_verify(path)?;
        gaps.extend(from_copies);
        Ok((run, gaps))
    }

    /// The run, gaps, and files whose copies were read because they are damaged.
    fn read_and_verify(path: &Path) -> Result<(Self, Vec<Gap>, Vec<Gap>), ReportError> {
        let found = fs::metadata(path.join("cycles.csv"));
        if found.is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            return Err(ReportError::NotARun { path: path.to_path_buf(), holds: runs_in(path) });
        }
        let mut gaps = vec![];
        let mut verified = Verified::of(path);
        let mut clips = read_clips(&path.join("cycles.csv"), &mut gaps)?;
        read_timings(&path.join("timings.csv"), &mut clips, &mut gaps);
        let mut stored =
            |name: &'static str, limit: u64| (path.join(name), verified.read(name, limit));
        let limit = limits::SUMMARY_BYTES;
        let file = parsed(stored("summary.json", limit), SummaryFile::parse, &mut gaps);
        let progress = parsed(stored("progress.json", limit), Progress::parse, &mut gaps);
        let toml = |bytes: &[u8]| {
            let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
            text.parse().map_err(|error: toml::de::Error| error.message().to_owned())
        };
        let config = stored("config.toml", limits::CONFIG_BYTES);
        let config = parsed(config, toml, &mut gaps).unwrap_or_default();
        let mut run = Self {
            folder: path.to_path_buf(),
            widths_before: hidden(&config).unwrap_or_else(|| first_widths(&clips)),
            clips,
            parameters_before: None,
            data: Data {
                name: string(&config, "data", "source")
                    .map_or_else(|| "unknown data".into(), |name| plain(&name)),
                digest: String::new(),
                test: 0,
                validation: 0,
                train: None,
                image_shape: None,
                classes: None,
            },
            config,
            missing: vec![],
            summary: None,
            progress,
        };
        run.data.say_what_is_synthetic(None);
        let mut lost_rows = None;
        if let Some(file) = file {
            lost_rows = file.lost(&run.clips);
            run.missing = file.missing();
            run.widths_before = file.widths_before;
            run.parameters_before = Some(file.parameters_before);
            run.data = file.data;
            run.data.say_what_is_synthetic(string(&run.config, "data", "source"));
            run.summary = Some(file.summary);
        }
        let impossible = drop_impossible(&mut run.clips, &run.widths_before);
        let cycles = path.join("cycles.csv");
        let reasons = impossible.or(lost_rows).into_iter();
        gaps.extend(reasons.map(|reason| Gap { path: cycles.clone(), reason }));
        verified.check(|name| READ.contains(&name), &gaps);
        // That a file is damaged comes before what cannot be read in it.
        gaps.splice(0..0, verified.gaps);
        Ok((run, gaps, verified.from_copies))
    }

    /// A setting, `section.key`.
    pub fn setting(&self, section: &str, key: &str) -> Option<&toml::Value> {
        self.config.get(section)?.get(key)
    }

    /// A setting that is a count, where it is one.
    pub(crate) fn count(&self, section: &str, key: &str) -> Option<usize> {
        let count = usize::try_from(self.setting(section, key)?.as_integer()?).ok()?;
        // Their products and sums are taken.
        (count <= 1 << 32).then_some(count)
    }

    /// The methods, in the order of the replicas.
    pub fn methods(&self) -> Vec<&str> {
        let mut methods: Vec<(usize, &str)> = Vec::new();
        for clip in &self.clips {
            match methods.iter_mut().find(|(_, method)| *method == clip.method) {
                Some((first, _)) => *first = clip.replica.min(*first),
                None => methods.push((clip.replica, &clip.method)),
            }
        }
        methods.sort_unstable();
        methods.into_iter().map(|(_, method)| method).collect()
    }

    /// Clips of one cycle.
    pub fn cycle(&self, cycle: usize) -> impl Iterator<Item = &Clip> {
        self.clips.iter().filter(move |clip| clip.cycle == cycle)
    }

    /// Number of cycles with a clip.
    pub fn cycles(&self) -> usize {
        self.clips.iter().map(|clip| clip.cycle + 1).max().unwrap_or(0)
    }
}

fn string(config: &toml::Table, section: &str, key: &str) -> Option<String> {
    Some(config.get(section)?.get(key)?.as_str()?.to_owned())
}

/// Names of the runs in a folder.
fn runs_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = folder.read_dir() else { return vec![] };
    let runs =
        entries.filter_map(Result::ok).filter(|entry| entry.path().join("cycles.csv").exists());
    let mut names: Vec<String> =
        runs.map(|entry| plain(&entry.file_name().to_string_lossy())).collect();
    names.sort();
    names
}

fn hidden(config: &toml::Table) -> Option<Vec<usize>> {
    let widths = config.get("network")?.get("hidden")?.as_array()?.iter();
    let widths: Option<Vec<usize>> =
        widths.map(|width| usize::try_from(width.as_integer()?).ok()).collect();
    widths.filter(|widths| limits::are_widths(widths))
}

/// A file as `parse` reads it; a gap where it cannot.
fn parsed<T>(
    (path, bytes): (PathBuf, Result<Vec<u8>, String>),
    parse: impl Fn(&[u8]) -> Result<T, String>,
    gaps: &mut Vec<Gap>,
) -> Option<T> {
    let parsed = bytes.and_then(|bytes| parse(&bytes));
    parsed.map_err(|reason| gaps.push(Gap { path, reason: plain(&reason) })).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_file_that_is_missing_or_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let message = || Run::read(folder.path()).unwrap_err().to_string();
        assert!(message().contains("cycles.csv"));
        fs::write(folder.path().join("cycles.csv"), "replica,cycle\n0,zero\n").unwrap();
        assert!(message().contains("cycles.csv: "));
        fs::write(folder.path().join("cycles.csv"), "").unwrap();
        assert!(message().contains("summary.json"));
        let summary = r#"{"widths_before":[4],"parameters_before":9,"replicas":[{"replica":0,"method":"dtc",
            "seed":3,"outcome":"diverged","divergence":{"cycle":1,"reason":"the loss is NaN"}}],
            "data":{"name":"d","digest":"0","test":1,"validation":0},"version":"0.1.0","device":"flex",
            "outcome":"diverged"}"#;
        fs::write(folder.path().join("summary.json"), summary).unwrap();
        assert!(message().contains("progress.json"));
        let progress = r#"{"cycle":1,"widths":[4],"batches_done":1,"batches":9,"updated":1,"resumed":0,
            "train_seconds":1,"compress_seconds":0,"seconds":1}"#;
        fs::write(folder.path().join("progress.json"), progress).unwrap();
        assert!(message().contains("config.toml"));
        fs::write(folder.path().join("config.toml"), "seed = 3").unwrap();
        let run = Run::read(folder.path()).unwrap();
        assert_eq!(run.missing, ["replica 0 (dtc, seed 3) diverged in cycle 1: the loss is NaN"]);
        let absurd = [
            ("[4]", "[18446744073709551615, 1]", "no network has"),
            ("[4]", "[0]", "no network has"),
            (":9", ":18446744073709551615", "parameters_before"),
            ("\"test\":1", "\"test\":1e3,\"classes\":2", "summary.json"),
            ("\"test\":1", "\"test\":1,\"image_shape\":[4294967296,4294967296]", "image_shape"),
        ];
        for (good, bad, expected) in absurd {
            fs::write(folder.path().join("summary.json"), summary.replacen(good, bad, 1)).unwrap();
            assert!(message().contains(expected), "{bad}: {}", message());
        }
        fs::write(folder.path().join("summary.json"), summary).unwrap();
        let absurd = [
            ("[4]", "[0]", "no network has"),
            (":9", ":18446744073709551615", "batches is a number"),
            ("\"seconds\":1", "\"seconds\":-1", "seconds is a number"),
            ("\"seconds\":1", "\"seconds\":1e300", "seconds is a number"),
        ];
        for (good, bad, expected) in absurd {
            let text = progress.replacen(good, bad, 1);
            fs::write(folder.path().join("progress.json"), text).unwrap();
            assert!(message().contains(expected), "{bad}: {}", message());
        }
        let deep = summary.replacen("[4]", &format!("[4],\"x\":{}", "[".repeat(100_000)), 1);
        fs::write(folder.path().join("summary.json"), deep).unwrap();
        assert!(message().contains("recursion limit"), "{}", message());
    }
}
