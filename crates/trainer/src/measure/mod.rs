//! The cost of a run: the machine's energy, and the time of a classification.

mod energy;
mod latency;

pub(crate) use energy::EnergyMeter;
pub(crate) use latency::{TimedRung, latencies, medians};
