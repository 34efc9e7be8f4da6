//! Training and testing of networks.

mod classify;
mod determinism;
mod evaluate;
mod loss;
mod optimizer;
mod schedule;
mod step;

pub use classify::{NetworkImages, scores};
pub(crate) use determinism::{BATCHES, repeats};
pub(crate) use evaluate::{Accuracy, Tested, accuracies, tested};
pub(crate) use loss::{class_scores, cross_entropy};
pub(crate) use optimizer::{Moments, Optimizer};
pub(crate) use schedule::{before_schedule, learning_rate};
pub(crate) use step::{Distillation, TrainStep, train_batch};
