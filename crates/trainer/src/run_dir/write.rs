//! What is written into a run folder while the run goes on, and at its end.

use rayclip_model::{Description, Mlp};
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};

use super::{RunDir, io, not_encoded};
use crate::checkpoint::Schedule;
use crate::method::Method;
use crate::rays::Rays;
use crate::tables::{header, to_csv};
use crate::{CycleRow, LatencyRow, Progress, Summary, TimingRow, TrainerError};

/// The live neurons of a replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    pub(crate) replica: usize,
    pub(crate) method: Method,
    pub(crate) seed: u64,
    /// `[layer][neuron]`
    pub(crate) layers: Vec<Vec<usize>>,
}

/// The rays of a layer of a replica.
#[derive(Debug, Clone)]
pub(crate) struct LayerRays {
    pub(crate) replica: usize,
    pub(crate) layer: usize,
    pub(crate) rays: Rays,
}

impl RunDir {
    /// Writes all rows so far.
    pub(crate) fn write_cycles(&self, rows: &[&CycleRow]) -> Result<(), TrainerError> {
        let bytes = if rows.is_empty() { header(&CycleRow::default())? } else { to_csv(rows)? };
        self.write_again("cycles.csv", &bytes)
    }

    /// Writes what all cycles so far took.
    pub(crate) fn write_timings(&self, rows: &[&TimingRow]) -> Result<(), TrainerError> {
        self.write_again("timings.csv", &to_csv(rows)?)
    }

    /// Writes the kept neurons after a clip, in their first numbering.
    pub(crate) fn write_kept(&self, cycle: usize, replicas: &[&Kept]) -> Result<(), TrainerError> {
        #[derive(Serialize)]
        struct File<'a> {
            cycle: usize,
            replicas: &'a [&'a Kept],
        }
        let json = serde_json::to_vec(&File { cycle, replicas }).map_err(not_encoded)?;
        self.write_again(&format!("kept/cycle_{cycle:02}.json"), &json)
    }

    /// Writes what was measured and reconstructed in a clip: `replica_R.layer_L.y_previous` and `y_next`,
    /// `[n]`, and `ray_previous` and `ray_next`, `[m]`, all f64.
    pub(crate) fn write_rays(
        &self,
        cycle: usize,
        layers: &[&LayerRays],
    ) -> Result<(), TrainerError> {
        const NAMES: [[&str; 2]; 2] = [["y_previous", "y_next"], ["ray_previous", "ray_next"]];
        let tensors = layers.iter().flat_map(|LayerRays { replica, layer, rays }| {
            [&rays.y, &rays.x].into_iter().zip(NAMES).flat_map(move |(pair, names)| {
                pair.iter().zip(names).map(move |(values, name)| {
                    let name = format!("replica_{replica}.layer_{layer}.{name}");
                    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                    (name, values.len(), bytes)
                })
            })
        });
        let tensors: Vec<(String, usize, Vec<u8>)> = tensors.collect();
        let views = tensors.iter().map(|(name, extent, bytes)| {
            Ok((name, TensorView::new(Dtype::F64, vec![*extent], bytes).map_err(not_encoded)?))
        });
        let views = views.collect::<Result<Vec<_>, TrainerError>>()?;
        let bytes = safetensors::serialize(views, None).map_err(not_encoded)?;
        self.write_again(&format!("rays/cycle_{cycle:02}.safetensors"), &bytes)
    }

    /// Writes how long networks of some widths take.
    pub(crate) fn write_latency(&self, rows: &[LatencyRow]) -> Result<(), TrainerError> {
        self.write("latency.csv", &to_csv(rows)?)
    }

    /// Writes the network as it is now.
    pub(crate) fn write_network(
        &self,
        network: &Mlp,
        description: &Description,
    ) -> Result<(), TrainerError> {
        let (weights, json) = rayclip_model::save(network, description)?;
        self.write("network.safetensors", &weights)?;
        self.write("network.json", &json)
    }

    /// Writes that the run goes on, or how it ended.
    pub(crate) fn write_summary(&self, summary: &Summary) -> Result<(), TrainerError> {
        self.write("summary.json", &serde_json::to_vec_pretty(summary).map_err(not_encoded)?)
    }

    /// Writes how far the run is.
    pub(crate) fn write_progress(&self, progress: &Progress) -> Result<(), TrainerError> {
        self.write_again(
            "progress.json",
            &serde_json::to_vec_pretty(progress).map_err(not_encoded)?,
        )
    }

    /// Writes what a checkpoint has too: after a loss of power the run that goes on writes it again.
    fn write_again(&self, name: &str, bytes: &[u8]) -> Result<(), TrainerError> {
        self.write_file(name, bytes, false)
    }

    /// Writes a file that no checkpoint has.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), TrainerError> {
        self.write_file(name, bytes, true)
    }

    fn write_file(&self, name: &str, bytes: &[u8], sync: bool) -> Result<(), TrainerError> {
        let checkpoints = self.checkpoints(Schedule::default());
        let written = checkpoints.make_room(|| self.dir.write(name, bytes, sync));
        written.map_err(|source| io("write", &self.path().join(name), source))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::presets::{Layers, resolve};

    #[test]
    fn rays_are_named_by_their_side() {
        let parent = tempfile::tempdir().unwrap();
        let config = resolve(&Layers::default()).unwrap();
        let run = RunDir::create(&parent.path().join("run"), &config).unwrap();
        let rays = Rays { y: [vec![1.0], vec![2.0]], x: [vec![3.0, 0.0], vec![4.0, 5.0]] };
        run.write_rays(7, &[&LayerRays { replica: 3, layer: 1, rays }]).unwrap();
        let bytes = fs::read(run.path().join("rays/cycle_07.safetensors")).unwrap();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let first = |name: &str| {
            let tensor = file.tensor(&format!("replica_3.layer_1.{name}")).unwrap();
            f64::from_le_bytes(tensor.data()[..8].try_into().unwrap())
        };
        let names = ["y_previous", "y_next", "ray_previous", "ray_next"];
        assert_eq!(names.map(first), [1.0, 2.0, 3.0, 4.0]);
    }
}
