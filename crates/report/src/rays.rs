//! What `dtc` measured and reconstructed in a run, from `rays/cycle_NN.safetensors`.

use std::collections::BTreeMap;
use std::path::Path;

use rayclip_data::arrays::{tensor, tensors};
use rayclip_data::read_whole;
use safetensors::SafeTensors;

use crate::ladder::by_cycle;
use crate::{Clip, Gap, ReportError, Run, limits};

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
    let mut rays = vec![];
    let mut entries = 0;
    for (cycle, clips) in by_cycle(run) {
        let of_cycle = rays_of_cycle(run, (cycle, &clips), &label, gaps);
        entries += of_cycle.iter().flat_map(|rays| &rays.y).map(Vec::len).sum::<usize>();
        if entries > limits::MEASUREMENTS {
            let reason = format!(
                "rays from cycle {cycle} on are left out: there are more than {} measurements",
                limits::MEASUREMENTS
            );
            gaps.push(Gap { path: run.folder.join("rays"), reason });
            break;
        }
        rays.extend(of_cycle);
    }
    rays
}

/// The rays of the last clip that has some.
pub fn last_rays(run: &Run, gaps: &mut Vec<Gap>) -> Vec<LayerRays> {
    let cycles = by_cycle(run).into_iter();
    let last = cycles.rev().find(|(_, clips)| clips.iter().any(|clip| clip.has_rays()));
    last.map_or(vec![], |(cycle, clips)| rays_of_cycle(run, (cycle, &clips), &str::to_owned, gaps))
}

fn rays_of_cycle(
    run: &Run,
    (cycle, clips): (usize, &[&Clip]),
    label: &impl Fn(&str) -> String,
    gaps: &mut Vec<Gap>,
) -> Vec<LayerRays> {
    let measured = clips.iter().filter(|clip| clip.has_rays());
    let measured: BTreeMap<(usize, usize), &Clip> =
        measured.map(|clip| ((clip.replica, clip.layer), *clip)).collect();
    if measured.is_empty() {
        return vec![];
    }
    let path = run.folder.join(format!("rays/cycle_{cycle:02}.safetensors"));
    let mut gap = |reason: String| gaps.push(Gap { path: path.clone(), reason });
    let bytes = read_whole(&path, limits::RAYS_BYTES);
    let bytes = bytes.map_err(|error| format!("cannot be read: {error}"));
    let file = match bytes.as_ref().map_err(Clone::clone).and_then(|bytes| tensors(bytes)) {
        Ok(file) => file,
        Err(reason) => {
            gap(reason);
            return vec![];
        }
    };
    let mut rays = vec![];
    for ((replica, layer), clip) in measured {
        let vector = |name: &str| {
            let name = format!("replica_{replica}.layer_{layer}.{name}");
            vector(&file, &name, clip.width_before)
        };
        let read = || -> Result<LayerRays, String> {
            let [previous, next] = [vector("ray_previous")?, vector("ray_next")?];
            if previous.len() != next.len() {
                return Err(format!("rays of {} and {} entries", previous.len(), next.len()));
            }
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
    // So many numbers at most, and so many bytes of names.
    let bytes = read_whole(path, 2 * 8 * limits::MEASUREMENTS as u64)
        .map_err(|source| ReportError::Io { path: path.to_path_buf(), source })?;
    let file = tensors(&bytes).map_err(damaged)?;
    let cycles = file.names().iter().filter(|name| name.ends_with(".y_next")).count();
    let read = |cycle: usize, name: &str| {
        vector(&file, &format!("cycle_{cycle:02}.{name}"), limits::MEASUREMENTS)
    };
    let pair = |cycle| Ok([read(cycle, "y_previous")?, read(cycle, "y_next")?]);
    (0..cycles).map(pair).collect::<Result<_, _>>().map_err(damaged)
}

/// A tensor of at most `most` numbers, each one that can have been measured.
fn vector(file: &SafeTensors<'_>, name: &str, most: usize) -> Result<Vec<f64>, String> {
    let array = tensor(file, name)?;
    if !array.double || array.shape.len() != 1 || array.values.len() > most {
        let dtype = if array.double { "F64" } else { "F32" };
        let shape = array.shape;
        return Err(format!(
            "{name} is {dtype} {shape:?}, expected F64 of one extent, at most {most}"
        ));
    }
    match array.values.iter().position(|value| !limits::is_amount(*value)) {
        Some(place) => Err(format!("{name} has {:e} at {place}", array.values[place])),
        None => Ok(array.values),
    }
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
