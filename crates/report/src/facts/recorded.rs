//! The author's recorded run.

use std::path::Path;

use rayclip_data::arrays::tensors;
use rayclip_data::read_whole;
use rayclip_run_folder::{hidden_group, limits, read};

use crate::entropy::correlation::{Accuracies, CorrelationRow, entropies_and_correlations};
use crate::entropy::tracks::{EntropyRow, Track};
use crate::error::ReportError;
use crate::paper::published::{METHODS, Series};

/// The author's recorded run.
#[derive(Debug)]
pub struct Recorded {
    /// Accuracies right after the clip.
    pub accuracies: Series,
    /// Entropies of its measurements.
    pub entropies: Vec<EntropyRow>,
    /// Their correlations with its accuracies.
    pub correlations: Vec<CorrelationRow>,
}

impl Recorded {
    /// Reads `accuracy.csv` and `measurements.safetensors` of a folder.
    ///
    /// # Errors
    /// A file cannot be read, or the files do not have the same cycles.
    pub fn read(folder: &Path) -> Result<Self, ReportError> {
        let path = folder.join("measurements.safetensors");
        let accuracies = Series::recorded(&folder.join("accuracy.csv"))?;
        let vectors = measurements(&path)?;
        let sparsities: Vec<f64> = accuracies.curve(0).map(|(sparsity, _)| sparsity).collect();
        if vectors.len() != sparsities.len() {
            let reason =
                format!("{} cycles, but accuracy.csv has {}", vectors.len(), sparsities.len());
            return Err(ReportError::Format { path, reason });
        }
        let of_cycle = |(cycle, y)| (cycle, (sparsities[cycle], y));
        // Its network has one hidden layer.
        let group = hidden_group(0);
        let track = Track {
            method: "dtc",
            seed: 0,
            group: &group,
            position: 0,
            vectors: vectors.iter().enumerate().map(of_cycle).collect(),
        };
        let of_method = |(index, method): (usize, &&str)| {
            let curve = accuracies.curve(index).map(|(_, accuracy)| accuracy).enumerate();
            let raw = [(0, curve.collect())].into();
            Accuracies::raw_and_smoothed(method, raw, |cycle| sparsities[*cycle])
        };
        let all: Vec<Accuracies> = METHODS.iter().enumerate().flat_map(of_method).collect();
        let (entropies, correlations) = entropies_and_correlations(&[track], &all);
        Ok(Self { accuracies, entropies, correlations })
    }
}

/// Reads the measurements, `[cycle][2][n]`, from a safetensors file with `cycle_NN.y_previous` and
/// `cycle_NN.y_next`.
///
/// # Errors
/// The file cannot be read or lacks a cycle.
fn measurements(path: &Path) -> Result<Vec<[Vec<f64>; 2]>, ReportError> {
    let damaged = |reason| ReportError::Format { path: path.to_path_buf(), reason };
    // At most this many numbers, and as many bytes again for names.
    let bytes = read_whole(path, 2 * 8 * limits::MEASUREMENTS as u64)
        .map_err(|source| ReportError::Io { path: path.to_path_buf(), source })?;
    let file = tensors(&bytes).map_err(damaged)?;
    let cycles = file.names().iter().filter(|name| name.ends_with(".y_next")).count();
    let vector = |cycle: usize, name: &str| {
        let name = format!("cycle_{cycle:02}.{name}");
        read::tensor_vector(&file, &name, limits::MEASUREMENTS)
    };
    let pair = |cycle| Ok([vector(cycle, "y_previous")?, vector(cycle, "y_next")?]);
    (0..cycles).map(pair).collect::<Result<_, _>>().map_err(damaged)
}
