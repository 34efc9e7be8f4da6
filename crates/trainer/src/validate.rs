//! What no run can be made with.

use cs_solver::Settings;

use crate::config::Method;
use crate::{RunConfig, TrainerError, ladder};

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
            ("replicas", self.replicas),
            ("training.batch_size", self.training.batch_size),
            ("training.batches_per_cycle", self.training.batches_per_cycle),
            ("compression.min_width", self.compression.min_width),
            ("compression.calibration_batches", self.compression.calibration_batches),
            ("solver.max_iterations", self.solver.max_iterations),
        ];
        if let Some((key, value)) = counts.into_iter().find(|(_, value)| *value == 0) {
            return refuse(key, &value, "at least 1");
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
        self.validate_methods()?;
        self.validate_widths()
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
        if hidden.is_empty() || hidden.contains(&0) {
            return value(format!("{hidden:?} is not one width or more, each at least 1"));
        }
        let min_width = self.compression.min_width;
        if hidden.iter().all(|width| *width <= min_width) {
            return value(format!(
                "nothing to compress: no layer of {hidden:?} has more than compression.min_width = \
                 {min_width} neurons"
            ));
        }
        if self.compression.methods.contains(&Method::Scratch)
            && let Err(reason) = ladder::scratch_clips(self)
        {
            return Err(TrainerError::Value { key: "compression.scratch_at".into(), reason });
        }
        let smallest = min_width + 1;
        if self.compression.methods.iter().any(|method| method.is_dtc())
            && self.measurement.count(smallest, self.compression.keep) == 0
        {
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
