//! What no run can be made with.

use cs_solver::Settings;

use crate::config::Method;
use crate::{RunConfig, TrainerError, ladder};

/// Hidden layers of a network.
const MOST_LAYERS: usize = 64;

/// Neurons of a layer.
const MOST_WIDTH: usize = 1 << 20;

/// Numbers of a matrix that a layer needs, of weights or of measurements: 16 GiB of f32.
const MOST_ENTRIES: usize = 1 << 32;

/// Clips of a ladder.
const MOST_CLIPS: usize = 2048;

impl RunConfig {
    /// Refuses values that no run can be made with.
    ///
    /// # Errors
    /// [`TrainerError::Value`], naming the key and what it must be.
    pub fn validate(&self) -> Result<(), TrainerError> {
        let refuse = |key: &str, value: &dyn std::fmt::Display, expected: &str| {
            Err(TrainerError::Value {
                key: key.to_owned(),
                reason: format!("{value} is not {expected}"),
            })
        };
        let counts = [
            ("replicas", self.replicas, 10_000),
            ("training.batch_size", self.training.batch_size, 1 << 20),
            ("training.batches_per_cycle", self.training.batches_per_cycle, 1 << 24),
            ("compression.min_width", self.compression.min_width, MOST_WIDTH),
            ("compression.calibration_batches", self.compression.calibration_batches, 1 << 16),
            ("solver.max_iterations", self.solver.max_iterations, 1 << 30),
        ];
        if let Some((key, value, most)) =
            counts.into_iter().find(|(_, value, most)| !(1..=*most).contains(value))
        {
            return refuse(key, &value, &format!("at least 1 and at most {most}"));
        }
        let positives = [
            ("data.deviation", self.data.deviation),
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
            return refuse(key, &value, "between 0 and 1");
        }
        let least = Settings::LEAST_TOLERANCE;
        if !(least..1.0).contains(&self.solver.tolerance) {
            return refuse("solver.tolerance", &self.solver.tolerance, "between 1e-12 and 1");
        }
        if !(0.0..1.0).contains(&self.data.validation) {
            return refuse("data.validation", &self.data.validation, "at least 0 and below 1");
        }
        if !self.data.mean.is_finite() {
            return refuse("data.mean", &self.data.mean, "a finite number");
        }
        self.validate_until_accuracy()?;
        self.validate_methods()?;
        self.validate_widths()
    }

    fn validate_until_accuracy(&self) -> Result<(), TrainerError> {
        let until = self.compression.until_accuracy;
        let reason = match until {
            _ if !(0.0..=1.0).contains(&until) => format!("{until} is not at least 0 and at most 1"),
            _ if until > 0.0 && self.data.validation == 0.0 => {
                "it is decided by images that are held out, and there are none: --set data.validation=0.1 holds \
                 a tenth of the training images out"
                    .to_owned()
            }
            _ => return Ok(()),
        };
        Err(TrainerError::Value { key: "compression.until_accuracy".into(), reason })
    }

    fn validate_methods(&self) -> Result<(), TrainerError> {
        let methods = &self.compression.methods;
        let twice = methods.iter().enumerate().find(|(place, m)| methods[..*place].contains(m));
        let reason = match twice {
            _ if methods.is_empty() => "there is none; name one at least".to_owned(),
            Some((_, method)) => format!("{method} is named twice"),
            None => return Ok(()),
        };
        Err(TrainerError::Value { key: "compression.methods".into(), reason })
    }

    fn validate_widths(&self) -> Result<(), TrainerError> {
        let hidden = &self.network.hidden;
        let value =
            |reason: String| Err(TrainerError::Value { key: "network.hidden".into(), reason });
        if hidden.len() > MOST_LAYERS {
            return value(format!("{} layers are more than {MOST_LAYERS}", hidden.len()));
        }
        if hidden.is_empty() || hidden.contains(&0) {
            return value(format!("{hidden:?} is not one width or more, each at least 1"));
        }
        if let Some(width) = hidden.iter().find(|width| **width > MOST_WIDTH) {
            return value(format!("a layer of {width} neurons is wider than {MOST_WIDTH}"));
        }
        let weights: usize = hidden.windows(2).map(|pair| pair[0] * pair[1]).sum();
        if weights > MOST_ENTRIES {
            return value(format!("{hidden:?} has {weights} weights, more than {MOST_ENTRIES}"));
        }
        let min_width = self.compression.min_width;
        if hidden.iter().all(|width| *width <= min_width) {
            return value(format!(
                "nothing to compress: no layer of {hidden:?} has more than compression.min_width = \
                 {min_width} neurons"
            ));
        }
        let is_dtc = self.compression.methods.iter().any(|method| method.is_dtc());
        let measurements =
            |width: &usize| self.measurement.count(*width, self.compression.keep) * width;
        if is_dtc && hidden.iter().map(measurements).any(|entries| entries > MOST_ENTRIES) {
            return value(format!(
                "{hidden:?} takes a measurement matrix of more than {MOST_ENTRIES} numbers; lower \
                 measurement.ratio, or take narrower layers"
            ));
        }
        if ladder::is_longer(self, MOST_CLIPS) {
            return Err(TrainerError::Value {
                key: "compression.keep".into(),
                reason: format!(
                    "{} leads down a ladder of more than {MOST_CLIPS} clips; lower it, or raise \
                     compression.min_width",
                    self.compression.keep
                ),
            });
        }
        if self.compression.methods.contains(&Method::Scratch)
            && let Err(reason) = ladder::scratch_clips(self)
        {
            return Err(TrainerError::Value { key: "compression.scratch_at".into(), reason });
        }
        let smallest = min_width + 1;
        if is_dtc && self.measurement.count(smallest, self.compression.keep) == 0 {
            return Err(TrainerError::Value {
                key: "measurement.count".into(),
                reason: format!(
                    "the supplement's rule takes no measurement of {smallest} neurons; raise \
                     compression.min_width or set measurement.count = \"rounded\""
                ),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::presets::{Layers, Setting, resolve};

    #[test]
    fn what_no_memory_or_patience_takes_is_refused_unmade() {
        let huge = i64::MAX;
        let cases: [(&str, &str); 12] = [
            ("network.hidden=[1000000000000]", "network.hidden"),
            (&format!("network.hidden=[{huge}, {huge}]"), "network.hidden"),
            ("network.hidden=[1048576, 1048576]", "network.hidden"),
            ("network.hidden=[1048576]", "measurement.ratio"),
            (&format!("network.hidden=[{}]", "20,".repeat(65)), "network.hidden"),
            ("replicas=1000000000000000", "replicas"),
            (&format!("training.batch_size={}", 1_i64 << 62), "training.batch_size"),
            (&format!("training.batches_per_cycle={huge}"), "training.batches_per_cycle"),
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
