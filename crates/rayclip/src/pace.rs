//! What a cycle takes, by the neurons that it trains.

/// A constant and a part that grows with the neurons, fitted to the cycles that are done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pace {
    neurons: f64,
    seconds: f64,
    slope: f64,
}

impl Pace {
    /// Of pairs of neurons and seconds; nothing where there are fewer than two.
    pub(crate) fn of(done: &[(f64, f64)]) -> Option<Self> {
        if done.len() < 2 {
            return None;
        }
        let n = done.len() as f64;
        let neurons = done.iter().map(|(x, _)| x).sum::<f64>() / n;
        let seconds = done.iter().map(|(_, y)| y).sum::<f64>() / n;
        let spread: f64 = done.iter().map(|(x, _)| (x - neurons).powi(2)).sum();
        let joint: f64 = done.iter().map(|(x, y)| (x - neurons) * (y - seconds)).sum();
        // Smaller networks are not slower, and none is free.
        let slope = if spread > 0.0 { (joint / spread).clamp(0.0, seconds / neurons) } else { 0.0 };
        Some(Self { neurons, seconds, slope })
    }

    /// Seconds of a cycle with so many neurons.
    pub(crate) fn at(&self, neurons: f64) -> f64 {
        self.seconds + self.slope * (neurons - self.neurons)
    }
}
