//! Making networks smaller: score, clip, rebuild, compensate.

mod clip;
mod compensate;
mod rebuild;
mod score;

pub(crate) use clip::{keep, ties};
pub(crate) use compensate::{Clipped, refit};
pub(crate) use rebuild::{Rebuilt, rebuild};
pub(crate) use score::{ByGroup, Scored, Scoring, ScoringInputs};
