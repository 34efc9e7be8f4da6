//! The cost of a run: the machine's energy, and the time of a classification.

mod energy;
mod latency;
mod times;

pub(crate) use energy::EnergyMeter;
pub(crate) use latency::{TimedRung, latencies, medians};
pub use times::{Times, classification_times};
