//! Refuses configurations that no run can use.

mod training;

use super::ladder;
use super::{
    CompressionConfig, CountKind, LEAST_TOLERANCE, Method, NetworkConfig, Ranking, RunConfig,
};
use crate::error::RunFolderError;
use crate::limits::{CYCLES, GROUPS, WIDTH};

/// The maximum number of entries of a matrix of weights or measurements: 16 GiB of f32.
const MOST_ENTRIES: usize = 1 << 32;

/// The most batches of a cycle.
const BATCHES: usize = 1 << 24;

/// The largest height or width of images.
const SIDE: usize = 1 << 14;

impl RunConfig {
    /// Refuses values that no run can use.
    ///
    /// # Errors
    /// [`RunFolderError::Value`], which names the key and the expected value.
    pub fn validate(&self) -> Result<(), RunFolderError> {
        let refuse = |key: &str, value: &dyn std::fmt::Display, expected: &str| {
            Err(RunFolderError::Value {
                key: key.to_owned(),
                reason: format!("expected {expected}, found {value}"),
            })
        };
        let counts = [
            ("replicas", self.replicas, 10_000),
            ("training.batch_size", self.training.batch_size, 1 << 20),
            ("training.soup", self.training.soup, 64),
            ("training.batches_per_cycle", self.training.batches_per_cycle, BATCHES),
            ("compression.min_width", self.compression.min_width, WIDTH),
            ("compression.latency_images", self.compression.latency_images, 1 << 20),
            ("compression.calibration_batches", self.compression.calibration_batches, 1 << 16),
            ("solver.max_iterations", self.solver.max_iterations, 1 << 30),
        ];
        if let Some((key, value, most)) =
            counts.into_iter().find(|(_, value, most)| !(1..=*most).contains(value))
        {
            return refuse(key, &value, &format!("at least 1 and at most {most}"));
        }
        let positives = [
            ("training.learning_rate", self.training.learning_rate),
            ("compression.lambda", self.compression.lambda),
        ];
        if let Some((key, value)) =
            positives.into_iter().find(|(_, v)| !(v.is_finite() && *v > 0.0))
        {
            return refuse(key, &value, "a positive number");
        }
        let fractions = [
            ("compression.keep", self.compression.keep),
            ("measurement.ratio", self.measurement.ratio),
        ];
        if let Some((key, value)) = fractions.into_iter().find(|(_, v)| !(*v > 0.0 && *v < 1.0)) {
            return refuse(key, &value, "a number between 0 and 1");
        }
        if !(LEAST_TOLERANCE..1.0).contains(&self.solver.tolerance) {
            return refuse(
                "solver.tolerance",
                &self.solver.tolerance,
                "a number between 1e-12 and 1",
            );
        }
        if !(0.0..1.0).contains(&self.data.validation) {
            return refuse("data.validation", &self.data.validation, "at least 0 and below 1");
        }
        if !(self.data.test > 0.0 && self.data.test < 1.0) {
            return refuse("data.test", &self.data.test, "above 0 and below 1");
        }
        let resize = &self.data.resize;
        if !(resize.is_empty()
            || resize.len() == 2 && resize.iter().all(|s| (1..=SIDE).contains(s)))
        {
            let reason =
                format!("expected a height and a width up to {SIDE}, or nothing, found {resize:?}");
            return Err(RunFolderError::Value { key: "data.resize".into(), reason });
        }
        let (mean, deviation) = (&self.data.mean, &self.data.deviation);
        let is_number = |number: &f64| number.is_finite();
        if mean.numbers().is_empty() || !mean.numbers().iter().all(is_number) {
            return refuse("data.mean", mean, "a finite number, or one per channel");
        }
        let is_positive = |number: &f64| number.is_finite() && *number > 0.0;
        if deviation.numbers().is_empty() || !deviation.numbers().iter().all(is_positive) {
            return refuse("data.deviation", deviation, "a positive number, or one per channel");
        }
        self.validate_batches()?;
        self.validate_training()?;
        self.validate_guards()?;
        self.validate_weights()?;
        self.validate_methods()?;
        self.validate_widths()?;
        self.validate_ladder()
    }

    fn validate_methods(&self) -> Result<(), RunFolderError> {
        let methods = &self.compression.methods;
        let twice = methods.iter().enumerate().find(|(index, m)| methods[..*index].contains(m));
        let reason = match twice {
            _ if methods.is_empty() => "there is no method: name at least one".to_owned(),
            Some((_, method)) => format!("{method} is named twice: remove one"),
            None => return Ok(()),
        };
        Err(RunFolderError::Value { key: "compression.methods".into(), reason })
    }

    fn validate_widths(&self) -> Result<(), RunFolderError> {
        let NetworkConfig { hidden, groups, widths: of_groups, .. } = &self.network;
        let widths = self.network.first_widths();
        let key = if self.network.is_mlp() { "network.hidden" } else { "network.name" };
        let value = |reason: String| Err(RunFolderError::Value { key: key.into(), reason });
        if widths.len() > GROUPS {
            return value(format!("expected at most {GROUPS} layers, found {}", widths.len()));
        }
        if self.network.is_mlp() && (hidden.is_empty() || hidden.contains(&0)) {
            return value(format!(
                "expected one or more widths, each at least 1, found {hidden:?}"
            ));
        }
        if groups.len() != of_groups.len() {
            return value("network.groups and network.widths do not have the same length".into());
        }
        if let Some(width) = widths.iter().find(|width| **width > WIDTH) {
            return value(format!("expected layers of at most {WIDTH} neurons, found {width}"));
        }
        let weights: usize = hidden.windows(2).map(|pair| pair[0] * pair[1]).sum();
        if self.network.is_mlp() && weights > MOST_ENTRIES {
            return value(format!(
                "{hidden:?} has {weights} weights, expected at most {MOST_ENTRIES}"
            ));
        }
        let min_width = self.compression.min_width;
        let is_resolved = !widths.is_empty();
        if is_resolved && widths.iter().all(|width| *width <= min_width) {
            return value(format!(
                "nothing to compress: no layer of {widths:?} has more than compression.min_width = \
                 {min_width} neurons; choose wider layers, or lower compression.min_width"
            ));
        }
        let measurements =
            |width: &usize| self.measurement.count(*width, self.compression.keep) * width;
        if self.has_dtc() && widths.iter().map(measurements).any(|entries| entries > MOST_ENTRIES) {
            return value(format!(
                "{widths:?} needs a measurement matrix of more than {MOST_ENTRIES} numbers; lower \
                 measurement.ratio, or choose narrower layers"
            ));
        }
        Ok(())
    }

    /// Refuses widths of groups and targets that make no sense.
    fn validate_own_widths(&self) -> Result<(), RunFolderError> {
        let CompressionConfig { round_to, target_latency, steps, ladder, .. } = &self.compression;
        let fractions = [
            ("target_macs", self.compression.target_macs),
            ("target_parameters", self.compression.target_parameters),
        ];
        let refuse = |key: &str, reason: String| {
            Err(RunFolderError::Value { key: format!("compression.{key}"), reason })
        };
        if !(1..=WIDTH).contains(round_to) {
            return refuse("round_to", format!("expected 1 to {WIDTH}, found {round_to}"));
        }
        for (key, target) in fractions {
            if !(0.0..1.0).contains(&target) {
                return refuse(
                    key,
                    format!("expected a fraction from 0 to below 1, found {target}"),
                );
            }
        }
        if !(target_latency.is_finite() && *target_latency >= 0.0) {
            return refuse(
                "target_latency",
                format!("expected milliseconds, found {target_latency}"),
            );
        }
        let targets = fractions.into_iter().chain([("target_latency", *target_latency)]);
        let given: Vec<&str> =
            targets.filter(|(_, target)| *target > 0.0).map(|(key, _)| key).collect();
        if let [first, second, ..] = given[..] {
            return refuse(first, format!("there is compression.{second} too: give one target"));
        }
        if *steps > CYCLES || (*steps > 0 && given.is_empty()) {
            let reason = format!(
                "expected at most {CYCLES} clips, to a target (compression.target_macs, target_parameters or \
                 target_latency), found {steps}"
            );
            return refuse("steps", reason);
        }
        let mut before = self.network.first_widths();
        for widths in ladder {
            let is_rung = widths.len() == before.len()
                && widths != before
                && widths.iter().zip(before).all(|(after, before)| (1..=*before).contains(after));
            if !is_rung {
                let reason = format!("{widths:?} is no clip of {before:?}");
                return refuse("ladder", reason);
            }
            before = widths;
        }
        Ok(())
    }

    /// Refuses a ladder that is too long, or on which a method cannot run.
    fn validate_ladder(&self) -> Result<(), RunFolderError> {
        self.validate_own_widths()?;
        if self.network.first_widths().is_empty() {
            // The widths of another network are known with its images.
            return Ok(());
        }
        if ladder::is_longer(self, CYCLES) {
            return Err(RunFolderError::Value {
                key: "compression.keep".into(),
                reason: format!(
                    "{} makes a ladder of more than {CYCLES} clips; lower it, or raise \
                     compression.min_width",
                    self.compression.keep
                ),
            });
        }
        let flops = &self.compression.training_flops;
        let is_possible = |flops: &f64| flops.is_finite() && *flops > 0.0;
        let sizes = ladder::ladder(self).len() + 1;
        if !(flops.is_empty() || flops.len() == sizes && flops.iter().all(is_possible)) {
            return Err(RunFolderError::Value {
                key: "compression.training_flops".into(),
                reason: format!("expected {sizes} positive numbers, found {flops:?}"),
            });
        }
        let CompressionConfig { teacher_flops, teacher_once, .. } = self.compression;
        for (key, flops) in [("teacher_flops", teacher_flops), ("teacher_once", teacher_once)] {
            if !(flops.is_finite() && flops >= 0.0) {
                return Err(RunFolderError::Value {
                    key: format!("compression.{key}"),
                    reason: format!("expected 0 or a positive number, found {flops}"),
                });
            }
        }
        if self.compression.methods.contains(&Method::ScratchDistilled)
            && self.training.distillation == 0.0
        {
            return Err(RunFolderError::Value {
                key: "compression.methods".into(),
                reason: "scratch-distilled learns from another network: set the part of the loss with --distill, for \
                         example 0.9"
                    .into(),
            });
        }
        if self.compression.methods.iter().any(|method| method.is_from_scratch())
            && let Err(reason) = ladder::scratch_clips(self)
        {
            return Err(RunFolderError::Value { key: "compression.scratch_at".into(), reason });
        }
        let is_global = self.compression.ranking == Ranking::Global;
        if is_global && self.measurement.count == CountKind::Supplement {
            return Err(RunFolderError::Value {
                key: "compression.ranking".into(),
                reason: "with global, set measurement.count = \"rounded\": the supplement's rule gives no \
                         measurement for few neurons"
                    .into(),
            });
        }
        let smallest = self.compression.min_width + 1;
        if self.has_dtc() && self.measurement.count(smallest, self.compression.keep) == 0 {
            return Err(RunFolderError::Value {
                key: "measurement.count".into(),
                reason: format!(
                    "the supplement's rule gives no measurement for {smallest} neurons; raise \
                     compression.min_width, or set measurement.count = \"rounded\""
                ),
            });
        }
        Ok(())
    }

    fn has_dtc(&self) -> bool {
        self.compression.methods.iter().any(|method| method.is_dtc())
    }
}

#[cfg(test)]
mod tests {
    use crate::config::presets::{Layers, Setting, resolve};

    #[test]
    fn what_no_memory_or_patience_takes_is_refused_unmade() {
        let huge = i64::MAX;
        let cases: [(&str, &str); 14] = [
            ("network.hidden=[1000000000000]", "network.hidden"),
            (&format!("network.hidden=[{huge}, {huge}]"), "network.hidden"),
            ("network.hidden=[1048576, 1048576]", "network.hidden"),
            ("network.hidden=[1048576]", "measurement.ratio"),
            (&format!("network.hidden=[{}]", "20,".repeat(65)), "network.hidden"),
            ("replicas=1000000000000000", "replicas"),
            (&format!("training.batch_size={}", 1_i64 << 62), "training.batch_size"),
            (&format!("training.batches_per_cycle={huge}"), "training.batches_per_cycle"),
            ("training.first_batches=[10, 0]", "training.first_batches"),
            (&format!("training.final_batches={huge}"), "training.final_batches"),
            (&format!("compression.calibration_batches={huge}"), "compression.calibration_batches"),
            (&format!("compression.min_width={huge}"), "compression.min_width"),
            (&format!("solver.max_iterations={huge}"), "solver.max_iterations"),
            ("compression.keep=0.9999999999", "compression.keep"),
        ];
        for (setting, key) in cases {
            let mut settings = vec![Setting::parse(setting).unwrap()];
            if key == "compression.keep" {
                settings.push(Setting::parse("network.hidden=[20000]").unwrap());
            }
            let error = resolve(&Layers { settings, ..Layers::default() }).unwrap_err().to_string();
            assert!(error.contains(key), "{setting}: {error}");
        }
    }
}
