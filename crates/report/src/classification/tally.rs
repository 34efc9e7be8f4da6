//! Adds up the results of batches of images.

use super::result::{ClassRow, Classification, Proportion, ReliabilityBin};
use super::scores::{first, log_sum_exp, rank};
use crate::error::ReportError;

/// The most classes of the second accuracy.
const TOP: usize = 5;

/// Bins of confidence, as in the reference.
const BINS: usize = 15;

/// The results so far.
///
/// # References
/// Guo, Pleiss, Sun, Weinberger, *On calibration of modern neural networks* (ICML 2017), section 2, for the bins and
/// the calibration error.
#[derive(Debug, Clone)]
pub struct Tally {
    class_names: Vec<String>,
    images: usize,
    among_first: usize,
    loss: f64,
    bins: [Bin; BINS],
    /// `[class][predicted]`.
    confusion: Vec<Vec<usize>>,
}

/// The images in a bin.
#[derive(Debug, Clone, Copy, Default)]
struct Bin {
    images: usize,
    correct: usize,
    confidence: f64,
}

impl Tally {
    /// Starts with no image. There are as many classes as names.
    pub fn new(class_names: Vec<String>) -> Self {
        let classes = class_names.len();
        Self {
            class_names,
            images: 0,
            among_first: 0,
            loss: 0.0,
            bins: [Bin::default(); BINS],
            confusion: vec![vec![0; classes]; classes],
        }
    }

    /// Adds a batch.
    ///
    /// # Shapes
    /// `scores`: `[image][class]`, row-major; `labels`: `[image]`.
    ///
    /// # Errors
    /// A score is not finite, a label is no class, or there are not as many scores as labels and classes ask for.
    pub fn add(&mut self, scores: &[f64], labels: &[u8]) -> Result<(), ReportError> {
        let classes = self.class_names.len();
        let refuse = |reason| Err(ReportError::Scores { reason });
        if labels.len().checked_mul(classes) != Some(scores.len()) || classes == 0 {
            let (scores, labels) = (scores.len(), labels.len());
            return refuse(format!("{scores} scores for {labels} images and {classes} classes"));
        }
        for (scores, label) in scores.chunks(classes).zip(labels) {
            let (image, label) = (self.images, usize::from(*label));
            if label >= classes {
                return refuse(format!("image {image} has the class {label} of {classes}"));
            }
            if let Some(class) = scores.iter().position(|score| !score.is_finite()) {
                return refuse(format!(
                    "class {class} of image {image} has the score {}, which is not finite; the weights may be \
                     damaged, or the images normalised with the wrong numbers",
                    scores[class]
                ));
            }
            self.add_one(scores, label);
        }
        Ok(())
    }

    fn add_one(&mut self, scores: &[f64], label: usize) {
        let normalisation = log_sum_exp(scores);
        let predicted = first(scores);
        self.images += 1;
        self.among_first += usize::from(rank(scores, label) < TOP);
        self.loss += normalisation - scores[label];
        self.confusion[label][predicted] += 1;
        let confidence = (scores[predicted] - normalisation).exp();
        let bin = &mut self.bins[bin_of(confidence)];
        bin.images += 1;
        bin.correct += usize::from(predicted == label);
        bin.confidence += confidence;
    }

    /// Returns the results.
    ///
    /// # Errors
    /// There is no image.
    pub fn conclude(self) -> Result<Classification, ReportError> {
        let Self { class_names, images, among_first, loss, bins, confusion } = self;
        let correct = (0..class_names.len()).map(|class| confusion[class][class]).sum();
        let (Some(top_1), Some(top_k)) =
            (Proportion::of(correct, images), Proportion::of(among_first, images))
        else {
            return Err(ReportError::Scores { reason: "there is no image".into() });
        };
        let row = |(class, name): (usize, &String)| ClassRow::of(class, name, &confusion);
        Ok(Classification {
            images,
            top_1,
            top_k,
            k: TOP.min(class_names.len()),
            loss: loss / images as f64,
            calibration_error: bins.iter().map(Bin::distance).sum::<f64>() / images as f64,
            reliability: bins.iter().enumerate().map(|(bin, of)| of.row(bin)).collect(),
            classes: class_names.iter().enumerate().map(row).collect(),
            confusion,
        })
    }
}

/// Returns the upper end of a bin.
fn end(bin: usize) -> f64 {
    (bin + 1) as f64 / BINS as f64
}

/// Returns the bin of a confidence: the first one whose upper end it does not exceed.
fn bin_of(confidence: f64) -> usize {
    (0..BINS - 1).find(|bin| confidence <= end(*bin)).unwrap_or(BINS - 1)
}

impl Bin {
    /// Returns how far confidence and accuracy are apart, times the number of images.
    fn distance(&self) -> f64 {
        (self.correct as f64 - self.confidence).abs()
    }

    fn row(&self, bin: usize) -> ReliabilityBin {
        let Self { images, correct, confidence } = *self;
        let mean = |sum: f64| (images > 0).then(|| sum / images as f64);
        ReliabilityBin {
            above: bin as f64 / BINS as f64,
            up_to: end(bin),
            images,
            confidence: mean(confidence),
            accuracy: mean(correct as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(classes: usize) -> Tally {
        Tally::new((0..classes).map(|class| class.to_string()).collect())
    }

    /// Scores whose softmax is these probabilities.
    fn scores(probabilities: &[f64]) -> Vec<f64> {
        probabilities.iter().map(|probability| probability.ln() + 7.0).collect()
    }

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }

    #[test]
    fn batches_add_up_to_what_all_images_give_at_once() {
        let all: Vec<f64> = (0..60).map(|i| f64::from(i * i % 17)).collect();
        let labels: Vec<u8> = (0..20).map(|i| (i * 2 % 3) as u8).collect();
        let mut once = tally(3);
        once.add(&all, &labels).unwrap();
        let mut parts = tally(3);
        for (scores, labels) in all.chunks(21).zip(labels.chunks(7)) {
            parts.add(scores, labels).unwrap();
        }
        assert_eq!(once.conclude().unwrap(), parts.conclude().unwrap());
    }

    #[test]
    fn counts_loss_and_classes_are_those_of_a_small_example() {
        let mut tally = tally(3);
        let rows = [[0.7, 0.2, 0.1], [0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.2, 0.6, 0.2]];
        tally.add(&rows.map(|row| scores(&row)).concat(), &[0, 1, 1, 0]).unwrap();
        let found = tally.conclude().unwrap();
        assert_eq!((found.images, found.top_1.count, found.top_k.count, found.k), (4, 2, 4, 3));
        close(found.loss, -[0.7_f64, 0.3, 0.8, 0.2].map(f64::ln).iter().sum::<f64>() / 4.0);
        assert_eq!(found.confusion, [[1, 1, 0], [1, 1, 0], [0, 0, 0]]);
        let ClassRow { images, predicted, correct, recall, precision, f1, .. } = found.classes[0];
        assert_eq!((images, predicted, correct), (2, 2, 1));
        assert_eq!((recall, precision, f1), (Some(0.5), Some(0.5), Some(0.5)));
        let unseen = &found.classes[2];
        assert_eq!((unseen.recall, unseen.precision, unseen.f1), (None, None, None));
        let most = found.confusions()[0];
        assert_eq!(
            (most.class, most.predicted, most.images, found.confusions().len()),
            (0, 1, 1, 2)
        );
    }

    #[test]
    fn the_calibration_error_weighs_the_bins_by_their_images() {
        let mut tally = tally(2);
        // The first two are wrong.
        let rows = [[0.59, 0.41], [0.39, 0.61], [0.1, 0.9]];
        tally.add(&rows.map(|row| scores(&row)).concat(), &[1, 0, 1]).unwrap();
        let found = tally.conclude().unwrap();
        close(found.calibration_error, (0.59 + 0.61 + 0.1) / 3.0);
        let images: Vec<usize> = found.reliability.iter().map(|bin| bin.images).collect();
        assert_eq!((images[8], images[9], images[13]), (1, 1, 1));
        assert_eq!(found.reliability[13].accuracy, Some(1.0));
        assert_eq!((found.reliability[0].accuracy, found.reliability.len()), (None, 15));
    }

    #[test]
    fn a_confidence_at_the_end_of_a_bin_is_in_it() {
        assert_eq!([0.0, 0.2, 0.2000001, 0.6, 1.0, 1.0 + 1e-15].map(bin_of), [0, 2, 3, 8, 14, 14]);
    }

    #[test]
    fn of_ties_the_smaller_class_counts() {
        let mut tally = tally(7);
        // All classes are equal: 0 is predicted, and 0 to 4 are the first five.
        tally.add(&[1.0; 21], &[0, 4, 5]).unwrap();
        let found = tally.conclude().unwrap();
        assert_eq!((found.top_1.count, found.top_k.count, found.k), (1, 2, 5));
        close(found.loss, 7_f64.ln());
    }

    #[test]
    fn what_cannot_be_counted_is_refused() {
        let refused =
            |scores: &[f64], labels: &[u8]| tally(2).add(scores, labels).unwrap_err().to_string();
        let nan = refused(&[0.0, 1.0, f64::NAN, 1.0], &[0, 0]);
        assert!(nan.contains("class 0 of image 1 has the score NaN"), "{nan}");
        assert!(refused(&[0.0, f64::INFINITY], &[0]).contains("inf"));
        assert!(refused(&[0.0, 1.0], &[2]).contains("image 0 has the class 2 of 2"));
        assert!(refused(&[0.0, 1.0], &[0, 1]).contains("2 scores for 2 images and 2 classes"));
        assert!(tally(2).conclude().unwrap_err().to_string().contains("no image"));
        assert!(tally(0).add(&[], &[]).is_err());
    }
}
