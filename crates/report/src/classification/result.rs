//! The results of classifying images.

use std::cmp::Reverse;

use serde::Serialize;

use crate::compare::statistics::wilson;

/// How well a network classifies the images of a split.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Classification {
    /// Number of images.
    pub images: usize,
    /// Images whose class comes first.
    pub top_1: Proportion,
    /// Images whose class is among the first `k`.
    pub top_k: Proportion,
    /// Five, or the number of classes if there are fewer.
    pub k: usize,
    /// Mean cross-entropy, in nats.
    pub loss: f64,
    /// Expected calibration error: the mean distance of confidence and accuracy over the bins, by their images.
    pub calibration_error: f64,
    /// Images by their confidence.
    pub reliability: Vec<ReliabilityBin>,
    /// The classes.
    pub classes: Vec<ClassRow>,
    /// Images of every class, by the class that was predicted: `[class][predicted]`.
    pub confusion: Vec<Vec<usize>>,
}

/// A fraction of images, with its 95 % interval (Wilson's).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Proportion {
    /// The images that count.
    pub count: usize,
    /// Their fraction.
    pub value: f64,
    /// The ends of the interval.
    pub low: f64,
    /// See `low`.
    pub high: f64,
}

/// The images whose confidence (the probability of the predicted class) is above `above` and at most `up_to`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ReliabilityBin {
    /// The lower end.
    pub above: f64,
    /// The upper end.
    pub up_to: f64,
    /// Number of images.
    pub images: usize,
    /// Their mean confidence; `None` without an image.
    pub confidence: Option<f64>,
    /// Their accuracy; `None` without an image.
    pub accuracy: Option<f64>,
}

/// A class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassRow {
    /// Its number.
    pub class: usize,
    /// Its name.
    pub name: String,
    /// Images of this class.
    pub images: usize,
    /// Images for which it was predicted.
    pub predicted: usize,
    /// Images of this class for which it was predicted.
    pub correct: usize,
    /// Recall, which is the accuracy on the images of this class; `None` without an image.
    pub recall: Option<f64>,
    /// The fraction of its predictions that are right; `None` without a prediction.
    pub precision: Option<f64>,
    /// The harmonic mean of recall and precision; `None` without an image and a prediction.
    pub f1: Option<f64>,
}

/// Images of a class for which another class was predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confusion {
    /// Their class.
    pub class: usize,
    /// The class that was predicted.
    pub predicted: usize,
    /// Number of images.
    pub images: usize,
}

impl Classification {
    /// Returns the confusions, the most frequent first.
    pub fn confusions(&self) -> Vec<Confusion> {
        let of_class = |(class, row): (usize, &Vec<usize>)| -> Vec<Confusion> {
            let row = row.iter().enumerate();
            let wrong = row.filter(|(predicted, images)| *predicted != class && **images > 0);
            wrong.map(|(predicted, &images)| Confusion { class, predicted, images }).collect()
        };
        let mut all: Vec<Confusion> =
            self.confusion.iter().enumerate().flat_map(of_class).collect();
        all.sort_by_key(|confusion| Reverse(confusion.images));
        all
    }
}

impl Proportion {
    /// Returns the fraction of some images, of which there is at least one.
    pub(super) fn of(count: usize, images: usize) -> Option<Self> {
        let (low, high) = wilson(count, images)?;
        Some(Self { count, value: count as f64 / images as f64, low, high })
    }
}

impl ClassRow {
    /// Returns the row of a class, from all confusions.
    pub(super) fn of(class: usize, name: &str, confusion: &[Vec<usize>]) -> Self {
        let images: usize = confusion[class].iter().sum();
        let predicted: usize = confusion.iter().map(|row| row[class]).sum();
        let correct = confusion[class][class];
        let share = |of: usize| (of > 0).then(|| correct as f64 / of as f64);
        let both = images + predicted;
        Self {
            class,
            name: name.to_owned(),
            images,
            predicted,
            correct,
            recall: share(images),
            precision: share(predicted),
            f1: (both > 0).then(|| 2.0 * correct as f64 / both as f64),
        }
    }
}
