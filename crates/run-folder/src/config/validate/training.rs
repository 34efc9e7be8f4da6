//! What training cannot do: its numbers, the limits to the accuracy, the weights that it starts with.

use super::{BATCHES, SIDE};
use crate::config::{CompressionConfig, NetworkConfig, OrderKind, RunConfig, TrainingConfig};
use crate::error::RunFolderError;
use crate::limits::CYCLES;

impl RunConfig {
    pub(super) fn validate_batches(&self) -> Result<(), RunFolderError> {
        let TrainingConfig { first_batches, final_batches, .. } = &self.training;
        let refuse = |key: &str, reason: String| {
            Err(RunFolderError::Value { key: format!("training.{key}"), reason })
        };
        // A network with weights can be clipped before any training.
        let least = |cycle: usize| usize::from(cycle > 0 || !self.network.pretrained);
        let is_possible =
            |(cycle, batches): (usize, &usize)| (least(cycle)..=BATCHES).contains(batches);
        if !first_batches.iter().enumerate().all(is_possible) {
            let reason = format!(
                "expected numbers of at least 1 and at most {BATCHES} (the first may be 0 with network.pretrained), \
                 found {first_batches:?}"
            );
            return refuse("first_batches", reason);
        }
        if first_batches.len() > CYCLES {
            let reason = format!("expected at most {CYCLES} numbers");
            return refuse("first_batches", reason);
        }
        if *final_batches > BATCHES {
            let reason = format!("expected 0 or at most {BATCHES}, found {final_batches}");
            return refuse("final_batches", reason);
        }
        Ok(())
    }

    pub(super) fn validate_training(&self) -> Result<(), RunFolderError> {
        let training = &self.training;
        let from_0_to_1 = |value: f64| (0.0..1.0).contains(&value);
        let size = |value: f64| value.is_finite() && value >= 0.0;
        for (key, value, is_possible, expected) in [
            (
                "training.label_smoothing",
                training.label_smoothing,
                from_0_to_1(training.label_smoothing),
                "at least 0 and below 1",
            ),
            (
                "training.momentum",
                training.momentum,
                from_0_to_1(training.momentum),
                "at least 0 and below 1",
            ),
            (
                "training.weight_decay",
                training.weight_decay,
                size(training.weight_decay),
                "0 or a positive number",
            ),
            (
                "training.clip_norm",
                training.clip_norm,
                size(training.clip_norm),
                "0 or a positive number",
            ),
            (
                "training.step_factor",
                training.step_factor,
                size(training.step_factor),
                "0 or a positive number",
            ),
            (
                "training.distillation",
                training.distillation,
                (0.0..=1.0).contains(&training.distillation),
                "at least 0 and at most 1",
            ),
            (
                "training.temperature",
                training.temperature,
                training.temperature.is_finite() && training.temperature > 0.0,
                "a positive number",
            ),
        ] {
            if !is_possible {
                let reason = format!("expected {expected}, found {value}");
                return Err(RunFolderError::Value { key: key.into(), reason });
            }
        }
        if training.step_at.iter().any(|at| !(0.0..=1.0).contains(at)) {
            let reason = format!("expected fractions from 0 to 1, found {:?}", training.step_at);
            return Err(RunFolderError::Value { key: "training.step_at".into(), reason });
        }
        let fault =
            |reason| RunFolderError::Value { key: "training.learning_rate_of".into(), reason };
        for rate in training.rates() {
            let (method, _) = rate.map_err(fault)?;
            let methods = &self.compression.methods;
            if !methods.contains(&method) {
                let names: Vec<String> = methods.iter().map(ToString::to_string).collect();
                let reason = format!("{method} is not among the methods {}", names.join(", "));
                return Err(fault(reason));
            }
        }
        if training.soup > 1 && training.order == OrderKind::Sequential {
            let reason =
                "copies of a network need batches of their own: set training.order = \"shuffled\"";
            return Err(RunFolderError::Value {
                key: "training.soup".into(),
                reason: reason.into(),
            });
        }
        if training.shift > SIDE {
            let reason = format!("expected at most {SIDE}, found {}", training.shift);
            return Err(RunFolderError::Value { key: "training.shift".into(), reason });
        }
        Ok(())
    }

    /// Refuses limits to the accuracy that no accuracy can have, or that need images which are not held out.
    pub(super) fn validate_guards(&self) -> Result<(), RunFolderError> {
        let CompressionConfig { until_accuracy, max_drop, .. } = self.compression;
        for (key, guard) in [("until_accuracy", until_accuracy), ("max_drop", max_drop)] {
            let reason = match guard {
                _ if !(0.0..=1.0).contains(&guard) => {
                    format!("expected at least 0 and at most 1, found {guard}")
                }
                _ if guard > 0.0 && self.data.validation == 0.0 => {
                    "it needs held-out images, and there are none: hold out a tenth of the training images with \
                     --set data.validation=0.1"
                        .to_owned()
                }
                _ => continue,
            };
            return Err(RunFolderError::Value { key: format!("compression.{key}"), reason });
        }
        Ok(())
    }

    /// Refuses what needs the weights of a file, if there is none.
    pub(super) fn validate_weights(&self) -> Result<(), RunFolderError> {
        let refuse = |key: &str, reason: &str| {
            Err(RunFolderError::Value { key: key.into(), reason: reason.into() })
        };
        let NetworkConfig { pretrained, graph, .. } = &self.network;
        if *pretrained && self.network.is_mlp() {
            return refuse("network.pretrained", "name a file with a network as network.name");
        }
        if !graph.is_empty() && self.network.is_mlp() {
            return refuse("network.graph", "name a file with the weights as network.name");
        }
        Ok(())
    }
}
