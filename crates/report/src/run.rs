//! A run, as its folder tells it.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::ReportError;

/// One row of `cycles.csv`: a clip of one layer of one replica. Unknown columns are ignored.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Clip {
    /// The replica.
    pub replica: usize,
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
    /// Test accuracy before the clip.
    pub accuracy_before_clip: f64,
    /// Right after it.
    pub accuracy_after_clip: f64,
    /// After the training that follows it.
    pub accuracy_after_training: Option<f64>,
    /// Weights and biases of the replica after it.
    pub parameters: usize,
}

/// A run.
#[derive(Debug, Clone)]
pub struct Run {
    /// All clips, in the order of the file.
    pub clips: Vec<Clip>,
    /// Neurons of every hidden layer before the first clip.
    pub widths_before: Vec<usize>,
    /// Parameters of a replica before the first clip.
    pub parameters_before: usize,
}

#[derive(Deserialize)]
struct SummaryFile {
    widths_before: Vec<usize>,
    parameters_before: usize,
}

impl Run {
    /// Reads the folder `path`.
    ///
    /// # Errors
    /// `cycles.csv` or `summary.json` is missing or damaged.
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
        Ok(Self {
            clips,
            widths_before: summary_file.widths_before,
            parameters_before: summary_file.parameters_before,
        })
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
    }
}
