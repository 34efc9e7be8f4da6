//! The time of a batch as a function of the number of neurons.

/// A linear fit of the time to the number of neurons, over the finished cycles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pace {
    neurons: f64,
    seconds: f64,
    slope: f64,
}

impl Pace {
    /// Fits pairs of neurons and seconds; returns `None` for fewer than two.
    pub(crate) fn of(done: &[(f64, f64)]) -> Option<Self> {
        if done.len() < 2 {
            return None;
        }
        let n = done.len() as f64;
        let neurons = done.iter().map(|(x, _)| x).sum::<f64>() / n;
        let seconds = done.iter().map(|(_, y)| y).sum::<f64>() / n;
        let spread: f64 = done.iter().map(|(x, _)| (x - neurons).powi(2)).sum();
        let joint: f64 = done.iter().map(|(x, y)| (x - neurons) * (y - seconds)).sum();
        // Smaller networks are not slower, and no time is negative.
        let slope = if spread > 0.0 { (joint / spread).clamp(0.0, seconds / neurons) } else { 0.0 };
        Some(Self { neurons, seconds, slope })
    }

    /// Returns the seconds of a batch with this many neurons.
    pub(crate) fn at(&self, neurons: f64) -> f64 {
        self.seconds + self.slope * (neurons - self.neurons)
    }
}
