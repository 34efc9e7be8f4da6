//! What `dtc` measured and reconstructed in a run, from `rays/cycle_NN.safetensors`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::Dtype;

use crate::{Clip, Gap, ReportError, Run};

/// Measurements and rays of one layer of one replica in one cycle.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerRays {
    /// The replica's method.
    pub method: String,
    /// Its seed.
    pub seed: u64,
    /// The hidden layer.
    pub layer: usize,
    /// The cycle.
    pub cycle: usize,
    /// Fraction of the layer's first width that is gone after the cycle's clip.
    pub sparsity: f64,
    /// Measurements of the incoming and of the outgoing weight sums, `[2][n]`.
    pub y: [Vec<f64>; 2],
    /// The ray sum, `[m]`, cosine coefficients.
    pub ray_sum: Vec<f64>,
}

impl LayerRays {
    /// `mean |r| / m`, as in Figure 3 of the paper.
    pub fn magnitude(&self) -> f64 {
        let m = self.ray_sum.len() as f64;
        self.ray_sum.iter().map(|value| value.abs()).sum::<f64>() / (m * m)
    }
}

/// All rays of a run, by cycle; a gap for every file that should be there and cannot be read.
pub(crate) fn read_rays(
    run: &Run,
    label: impl Fn(&str) -> String,
    gaps: &mut Vec<Gap>,
) -> Vec<LayerRays> {
    (0..run.cycles()).flat_map(|cycle| rays_of_cycle(run, cycle, &label, gaps)).collect()
}

/// The rays of the last clip that has some.
pub fn last_rays(run: &Run, gaps: &mut Vec<Gap>) -> Vec<LayerRays> {
    let measured = run.clips.iter().filter(|clip| clip.has_rays()).map(|clip| clip.cycle).max();
    measured.map_or(vec![], |cycle| rays_of_cycle(run, cycle, &str::to_owned, gaps))
}

fn rays_of_cycle(
    run: &Run,
    cycle: usize,
    label: &impl Fn(&str) -> String,
    gaps: &mut Vec<Gap>,
) -> Vec<LayerRays> {
    let measured: BTreeMap<(usize, usize), &Clip> = run
        .cycle(cycle)
        .filter(|clip| clip.has_rays())
        .map(|clip| ((clip.replica, clip.layer), clip))
        .collect();
    if measured.is_empty() {
        return vec![];
    }
    let path = run.folder.join(format!("rays/cycle_{cycle:02}.safetensors"));
    let mut gap = |reason: String| gaps.push(Gap { path: path.clone(), reason });
    let bytes = fs::read(&path).map_err(|error| format!("cannot be read: {error}"));
    let file = bytes
        .as_ref()
        .map_err(Clone::clone)
        .and_then(|bytes| SafeTensors::deserialize(bytes).map_err(|error| error.to_string()));
    let file = match file {
        Ok(file) => file,
        Err(reason) => {
            gap(reason);
            return vec![];
        }
    };
    let mut rays = vec![];
    for ((replica, layer), clip) in measured {
        let vector = |name: &str| vector(&file, &format!("replica_{replica}.layer_{layer}.{name}"));
        let read = || -> Result<LayerRays, String> {
            let [previous, next] = [vector("ray_previous")?, vector("ray_next")?];
            Ok(LayerRays {
                method: label(&clip.method),
                seed: clip.seed,
                layer,
                cycle,
                sparsity: clip.sparsity,
                y: [vector("y_previous")?, vector("y_next")?],
                ray_sum: previous.iter().zip(next).map(|(a, b)| a + b).collect(),
            })
        };
        match read() {
            Ok(layer) => rays.push(layer),
            Err(reason) => gap(reason),
        }
    }
    rays
}

/// The measurements of the author's recorded run, `[cycle][2][n]`: a safetensors file with
/// `cycle_NN.y_previous` and `cycle_NN.y_next`.
///
/// # Errors
/// The file cannot be read or lacks a cycle.
pub(crate) fn recorded_measurements(path: &Path) -> Result<Vec<[Vec<f64>; 2]>, ReportError> {
    let damaged = |reason| ReportError::Format { path: path.to_path_buf(), reason };
    let bytes =
        fs::read(path).map_err(|source| ReportError::Io { path: path.to_path_buf(), source })?;
    let file = SafeTensors::deserialize(&bytes).map_err(|error| damaged(error.to_string()))?;
    let cycles = file.names().iter().filter(|name| name.ends_with(".y_next")).count();
    let read = |cycle: usize, name: &str| vector(&file, &format!("cycle_{cycle:02}.{name}"));
    let pair = |cycle| Ok([read(cycle, "y_previous")?, read(cycle, "y_next")?]);
    (0..cycles).map(pair).collect::<Result<_, _>>().map_err(damaged)
}

fn vector(file: &SafeTensors<'_>, name: &str) -> Result<Vec<f64>, String> {
    let tensor = file.tensor(name).map_err(|_| format!("there is no tensor {name}"))?;
    if tensor.dtype() != Dtype::F64 {
        return Err(format!("{name} is of {:?}, not F64", tensor.dtype()));
    }
    let number = |bytes: &[u8]| f64::from_le_bytes(bytes.try_into().expect("eight bytes a number"));
    Ok(tensor.data().chunks_exact(8).map(number).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_magnitude_is_the_papers() {
        // Its code: np.mean(np.abs(ray)) / len(ray).
        let (y, ray_sum) = ([vec![1.0], vec![2.0]], vec![1.0, -3.0]);
        let method = "dtc".to_owned();
        let rays = LayerRays { method, seed: 0, layer: 0, cycle: 0, sparsity: 0.1, y, ray_sum };
        assert_eq!(rays.magnitude(), 1.0);
    }
}
