//! How well a network classifies: accuracies, loss, classes, confusions and calibration.
//!
//! A [`Tally`] adds up batches of class scores (logits), so no score is kept. It concludes with a [`Classification`].
//!
//! Classes are ranked by their score. Of equal scores, the smaller class comes first. So the predicted class is the
//! smallest one with the largest score, and an image counts for the top k if fewer than k classes come before its own.

mod latency;
mod result;
mod scores;
mod tally;

pub use latency::Latency;
pub use result::{ClassRow, Classification, Confusion, Proportion, ReliabilityBin};
pub use scores::{Ranked, best};
pub use tally::Tally;
