//! A run, as its folder tells it.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::ReportError;

/// One row of `cycles.csv`: a clip of one layer of one replica. Unknown columns are ignored.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Clip {
    /// The replica.
    pub replica: usize,
    /// What its neurons were ranked by.
    pub method: String,
    /// Its seed.
    pub seed: u64,
    /// The cycle.
    pub cycle: usize,
    /// The hidden layer.
    pub layer: usize,
    /// Neurons before the clip.
    pub width_before: usize,
    /// Neurons after it.
    pub width_after: usize,
    /// Fraction of the layer's first width that is gone.
    pub sparsity: f64,
    /// Test accuracy before the clip; none for `scratch`.
    pub accuracy_before_clip: Option<f64>,
    /// Right after it.
    pub accuracy_after_clip: f64,
    /// After the training that follows it.
    pub accuracy_after_training: Option<f64>,
    /// As `accuracy_after_clip`, on the images held out.
    pub validation_after_clip: Option<f64>,
    /// As `accuracy_after_training`, likewise.
    pub validation_after_training: Option<f64>,
    /// Weights and biases of the replica after it.
    pub parameters: usize,
}

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
    pub parameters_before: usize,
    /// The images that it was trained on and measured with.
    pub data: Data,
    /// Replicas that did not get to the end, and why.
    pub missing: Vec<String>,
}

/// The images of a run.
#[derive(Debug, Clone, Deserialize)]
pub struct Data {
    /// The name that they were asked for by.
    pub name: String,
    /// SHA-256 of shape, images and labels.
    pub digest: String,
    /// Images that accuracies are of.
    pub test: usize,
    /// Images held out to choose settings by.
    pub validation: usize,
}

#[derive(Deserialize)]
struct SummaryFile {
    widths_before: Vec<usize>,
    parameters_before: usize,
    data: Data,
    replicas: Vec<Replica>,
}

#[derive(Deserialize)]
struct Replica {
    #[serde(rename = "replica")]
    number: usize,
    method: String,
    seed: u64,
    outcome: String,
    divergence: Option<Divergence>,
}

#[derive(Deserialize)]
struct Divergence {
    cycle: usize,
    reason: String,
}

impl Replica {
    /// Why it did not get to the end; nothing if it did.
    fn missing(&self) -> Option<String> {
        let Self { number, method, seed, outcome, divergence } = self;
        let what = match divergence {
            Some(Divergence { cycle, reason }) => format!("diverged in cycle {cycle}: {reason}"),
            None if outcome == "finished" => return None,
            None => outcome.clone(),
        };
        Some(format!("replica {number} ({method}, seed {seed}) {what}"))
    }
}

impl Run {
    /// Reads the folder `path`.
    ///
    /// # Errors
    /// `config.toml`, `cycles.csv` or `summary.json` is missing or damaged.
    pub fn read(path: &Path) -> Result<Self, ReportError> {
        let read = |file: &Path| {
            fs::read(file).map_err(|source| ReportError::Io { path: file.to_path_buf(), source })
        };
        let damaged =
            |file: &Path, reason: String| ReportError::Format { path: file.to_path_buf(), reason };
        let cycles = path.join("cycles.csv");
        let clips = csv::Reader::from_reader(read(&cycles)?.as_slice())
            .deserialize()
            .collect::<Result<Vec<Clip>, _>>()
            .map_err(|error| damaged(&cycles, error.to_string()))?;
        let summary = path.join("summary.json");
        let summary_file: SummaryFile = serde_json::from_slice(&read(&summary)?)
            .map_err(|error| damaged(&summary, error.to_string()))?;
        let layers = summary_file.widths_before.len();
        if let Some(clip) = clips.iter().find(|clip| clip.layer >= layers) {
            let reason = format!("a clip of layer {}, but there are {layers}", clip.layer);
            return Err(damaged(&cycles, reason));
        }
        let config = path.join("config.toml");
        let text = String::from_utf8(read(&config)?)
            .map_err(|error| damaged(&config, error.to_string()))?;
        Ok(Self {
            folder: path.to_path_buf(),
            config: text
                .parse()
                .map_err(|error: toml::de::Error| damaged(&config, error.message().to_owned()))?,
            clips,
            widths_before: summary_file.widths_before,
            parameters_before: summary_file.parameters_before,
            data: summary_file.data,
            missing: summary_file.replicas.iter().filter_map(Replica::missing).collect(),
        })
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
            "data":{"name":"d","digest":"0","test":1,"validation":0}}"#;
        fs::write(folder.path().join("summary.json"), summary).unwrap();
        assert!(message().contains("config.toml"));
        fs::write(folder.path().join("config.toml"), "seed = 3").unwrap();
        let run = Run::read(folder.path()).unwrap();
        assert_eq!(run.missing, ["replica 0 (dtc, seed 3) diverged in cycle 1: the loss is NaN"]);
    }
}
