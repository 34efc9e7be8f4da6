//! Compares methods.

pub(crate) mod comparable;
pub(crate) mod comparison;
pub(crate) mod correct;
pub(crate) mod family;
pub(crate) mod measure;
pub(crate) mod power;
pub(crate) mod predictions;
pub(crate) mod sentences;
#[cfg(test)]
mod simulation;
pub(crate) mod statistics;
pub(crate) mod sweep;
pub(crate) mod ties;
pub(crate) mod verdict;
