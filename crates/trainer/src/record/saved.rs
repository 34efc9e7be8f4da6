//! A record in a checkpoint, and back.

use burn::tensor::Device;
use rayclip_model::{Mlp, MlpShape};

use super::Record;
use crate::TrainerError;
use crate::checkpoint::{Checkpoint, ChunkState, HostTensors, Place, ReplicaState, State};
use crate::energy::Energy;
use crate::events::{Progress, ReplicaSummary};
use crate::networks::Keeping;
use crate::rays::Rays;
use crate::run_dir::LayerRays;
use crate::settings::settings;

/// Measurements and rays of all layers, one after the other, in a checkpoint.
const RAYS: &str = "rays";

/// Accuracies before and after, `[replica]`; NaN for none.
const ACCURACIES: [&str; 2] = ["accuracy_before", "accuracy_after"];

/// Likewise; checkpoints of before `compression.until_accuracy` have none.
const VALIDATION: &str = "validation_before";

impl Record<'_> {
    /// Takes a checkpoint of a chunk after batch `done` of a cycle, and of all that was shown so far.
    ///
    /// # Errors
    /// The device fails, or the file system refuses.
    pub(crate) fn checkpoint(
        &mut self,
        (cycle, done): (usize, usize),
        chunk: ChunkState,
        mut tensors: HostTensors,
    ) -> Result<(), TrainerError> {
        let accuracies = |of: fn(&ReplicaSummary) -> Option<f64>| {
            self.replicas.iter().map(|replica| of(replica).unwrap_or(f64::NAN)).collect()
        };
        let [before, after] = ACCURACIES.map(str::to_owned);
        tensors.insert_vector(before, accuracies(|replica| replica.accuracy_before));
        tensors.insert_vector(after, accuracies(|replica| replica.accuracy_after));
        let validation = accuracies(|replica| replica.validation_before);
        tensors.insert_vector(VALIDATION.to_owned(), validation);
        let of_layer =
            |rays: &LayerRays| rays.rays.y.iter().chain(&rays.rays.x).flatten().copied().collect();
        let rays: Vec<Vec<f64>> = self.rays.values().map(of_layer).collect();
        tensors.insert_vector(RAYS.to_owned(), rays.concat());
        let lengths = |rays: &Rays| [rays.y[0].len(), rays.x[0].len()];
        let rays = self.rays.iter().map(|(&(cycle, replica, layer), of_layer)| {
            (cycle, replica, layer, lengths(&of_layer.rays))
        });
        let rays = rays.collect();
        for (group, (_, network)) in self.finished.iter().enumerate() {
            for (name, tensor) in network.named() {
                tensors.insert(format!("finished_{group}.{name}"), tensor)?;
            }
        }
        let replica = |summary: &ReplicaSummary| ReplicaState {
            outcome: summary.outcome,
            divergence: summary.divergence.clone(),
        };
        let [clipped, scratch] = self.chunks.clone();
        let joules =
            self.energy.since_lap().map(|joules| joules + self.joules_before.unwrap_or(0.0));
        let progress = self.progress();
        let state = State {
            engine: env!("CARGO_PKG_VERSION").to_owned(),
            device: self.device.clone(),
            data: self.data.digest.clone(),
            settings: settings(self.config)?,
            clipped,
            scratch,
            place: Place { cycle, done, ..self.place },
            chunk: ChunkState { joules, ..chunk },
            replicas: self.replicas.iter().map(replica).collect(),
            kept: self.kept.iter().map(|((cycle, _), kept)| (*cycle, kept.clone())).collect(),
            rays,
            finished: self.finished.iter().map(|(numbers, _)| numbers.clone()).collect(),
            batches_done: progress.batches_done,
            resumed: progress.resumed,
            keep_networks: Some(self.keeping.policy),
            train_seconds: progress.train_seconds,
            compress_seconds: progress.compress_seconds,
            seconds: progress.seconds,
            joules: progress.energy.map_or(0.0, |energy| energy.joules),
        };
        let rows = self.rows.values().cloned().collect();
        let timings = self.timings.values().cloned().collect();
        self.checkpoints.save(&Checkpoint { state, rows, timings, tensors })
    }

    /// Goes on from a checkpoint. Networks at the end of the ladder are of the `last` shape.
    ///
    /// # Errors
    /// An array is missing or another.
    pub(crate) fn restore(
        &mut self,
        checkpoint: &Checkpoint,
        (last, device): (&MlpShape, &Device),
    ) -> Result<(), String> {
        let Checkpoint { state, rows, timings, tensors } = checkpoint;
        let [before, after] = [tensors.vector(ACCURACIES[0])?, tensors.vector(ACCURACIES[1])?];
        if [before.len(), after.len()] != [self.replicas.len(); 2] {
            return Err("there is not one accuracy a replica".into());
        }
        let validation = tensors.vector(VALIDATION).unwrap_or_default();
        for (place, (summary, replica)) in self.replicas.iter_mut().zip(&state.replicas).enumerate()
        {
            let accuracy = |value: f64| (!value.is_nan()).then_some(value);
            (summary.outcome, summary.divergence) = (replica.outcome, replica.divergence.clone());
            summary.accuracy_before = accuracy(before[place]);
            summary.accuracy_after = accuracy(after[place]);
            summary.validation_before = validation.get(place).copied().and_then(accuracy);
        }
        if let Some(policy) = state.keep_networks {
            self.keeping = Keeping::new(policy, self.config);
        }
        for (group, numbers) in state.finished.iter().enumerate() {
            let shape = MlpShape { replicas: numbers.len(), ..last.clone() };
            let network = Mlp::from_named(&shape, |name, extents| {
                tensors.tensor(&format!("finished_{group}.{name}"), extents, device)
            })?;
            self.finished.push((numbers.clone(), network));
        }
        self.number_networks();
        let mut rest = tensors.vector(RAYS)?;
        for &(cycle, replica, layer, [n, m]) in &state.rays {
            let mut vector = |length| {
                let (vector, others) = rest.split_at_checked(length).ok_or("rays are missing")?;
                rest = others;
                Ok::<_, String>(vector.to_vec())
            };
            let rays = Rays { y: [vector(n)?, vector(n)?], x: [vector(m)?, vector(m)?] };
            self.rays.insert((cycle, replica, layer), LayerRays { replica, layer, rays });
        }
        let rows = rows.iter().map(|row| ((row.cycle, row.replica, row.layer), row.clone()));
        self.rows = rows.collect();
        self.timings = timings.iter().map(|row| ((row.cycle, row.replica), row.clone())).collect();
        let kept = state.kept.iter().map(|(cycle, kept)| ((*cycle, kept.replica), kept.clone()));
        self.kept = kept.collect();
        self.joules_before = state.chunk.joules;
        self.progress = Progress {
            cycle: state.place.cycle,
            widths: state.widths(self.config)?,
            batches_done: state.batches_done,
            resumed: state.resumed + 1,
            train_seconds: state.train_seconds,
            compress_seconds: state.compress_seconds,
            seconds: state.seconds,
            energy: Some(Energy { joules: state.joules, sources: vec![] }),
            ..std::mem::take(&mut self.progress)
        };
        Ok(())
    }
}
