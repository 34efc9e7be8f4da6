//! Reads runs from their folders.

pub(crate) mod missing;
pub(crate) mod rays;
pub(crate) mod run;
#[cfg(test)]
pub(crate) mod sample;
pub(crate) mod settings;
