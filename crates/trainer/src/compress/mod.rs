//! Making networks smaller: score, clip, rebuild, repair (merge, compensate, rescale).

mod clip;
mod compensate;
mod merge;
mod readers;
mod rebuild;
mod rescale;
mod score;
#[cfg(test)]
mod tests;

pub(crate) use clip::{keep, ties};
pub(crate) use compensate::refit;
pub(crate) use merge::merge;
pub(crate) use readers::Clipped;
pub(crate) use rebuild::{Rebuilt, rebuild};
pub(crate) use rescale::rescale;
pub(crate) use score::{ByGroup, Scored, Scoring, ScoringInputs};
