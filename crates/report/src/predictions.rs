//! Which test images the networks of a run classify rightly, from `predictions/`, and what other test images
//! would make of a difference.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rayclip_data::arrays::tensors;
use rayclip_data::read_whole;
use safetensors::tensor::Dtype;

use crate::comparable::labels;
use crate::comparison::{Comparison, Measure};
use crate::verdict::Difference;
use crate::{Clip, Gap, Run, limits};

/// The folder of the predictions in a run's.
pub(crate) const FOLDER: &str = "predictions";

/// Test images that a network classifies rightly, a bit each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Correct {
    words: Vec<u64>,
    images: usize,
}

impl Correct {
    pub(crate) fn of(predicted: &[u16], labels: &[u16]) -> Self {
        let mut words = vec![0; predicted.len().div_ceil(64)];
        for (place, (class, label)) in predicted.iter().zip(labels).enumerate() {
            words[place / 64] |= u64::from(class == label) << (place % 64);
        }
        Self { words, images: predicted.len() }
    }

    fn fraction(&self) -> f64 {
        let right: u32 = self.words.iter().map(|word| word.count_ones()).sum();
        f64::from(right) / self.images as f64
    }
}

/// Standard error, over the images, of the mean difference of two methods' accuracies over some seeds; nothing
/// of no pair, or where they are not of the same images.
///
/// ```text
/// d_i = 1/S Σ_s (a_is − b_is),   error = √( (1/N Σ_i d_i² − (1/N Σ_i d_i)²) / N )
/// ```
///
/// `a_is` is 1 where the network of seed s classifies image i rightly, else 0. An image counts once, whatever
/// number of seeds saw it: seeds on the same images are no further images. This is what the paired bootstrap
/// over the images converges to; of one seed it is the standard error that belongs to `McNemar`'s table.
pub(crate) fn paired_error(pairs: &[(&Correct, &Correct)]) -> Option<f64> {
    let images = pairs.first()?.0.images;
    let mut sums = vec![0_i32; images];
    for (a, b) in pairs {
        if a.images != images || b.images != images {
            return None;
        }
        for (place, (a, b)) in a.words.iter().zip(&b.words).enumerate() {
            let mut differ = a ^ b;
            while differ != 0 {
                let bit = differ.trailing_zeros() as usize;
                sums[64 * place + bit] += if a >> bit & 1 == 1 { 1 } else { -1 };
                differ &= differ - 1;
            }
        }
    }
    let count = images as f64;
    let mean = sums.iter().map(|sum| f64::from(*sum)).sum::<f64>() / count;
    let square = sums.iter().map(|sum| f64::from(*sum).powi(2)).sum::<f64>() / count;
    let variance = (square - mean * mean).max(0.0) / count;
    (images > 0).then(|| variance.sqrt() / pairs.len() as f64)
}

impl Comparison {
    /// Reads the predictions of the networks that verdicts are given on; a gap for every file of a run that
    /// keeps predictions that is not there or not what it should be. Of a run that keeps none, from an earlier
    /// version, nothing is known.
    pub fn read_predictions(&mut self, runs: &[Run]) -> Vec<Gap> {
        let mut gaps = vec![];
        let label = labels(runs);
        let cycles: BTreeSet<usize> = self.shown().iter().map(|rung| rung.cycle).collect();
        let mut images = 0;
        for run in runs.iter().filter(|run| keeps_predictions(run)) {
            let path = run.folder.join(FOLDER).join("labels.safetensors");
            let labels = match classes(&path, "labels", run.data.test) {
                Ok(labels) => labels,
                Err(reason) => {
                    gaps.push(Gap { path, reason });
                    continue;
                }
            };
            let trained = |clip: &&Clip| {
                cycles.contains(&clip.cycle) && clip.accuracy_after_training.is_some()
            };
            let clips: BTreeMap<(usize, &str, u64), &Clip> = run
                .clips
                .iter()
                .filter(trained)
                .map(|clip| ((clip.cycle, clip.method.as_str(), clip.seed), clip))
                .collect();
            for clip in clips.into_values() {
                images += labels.len();
                if images > limits::PREDICTIONS {
                    let reason =
                        format!("more than {} predictions are not read", limits::PREDICTIONS);
                    gaps.push(Gap { path: run.folder.join(FOLDER), reason });
                    return gaps;
                }
                match correct(run, clip, &labels) {
                    Ok(correct) => {
                        let Ok(method) = self.method(&label(run, &clip.method)) else { continue };
                        let of_rung = self.correct.entry((clip.cycle, method)).or_default();
                        of_rung.insert(clip.seed, correct);
                    }
                    Err((path, reason)) => gaps.push(Gap { path, reason }),
                }
            }
        }
        gaps
    }

    /// Standard error of a difference over the test images, of the seeds that it is a mean of; nothing where
    /// one of them has no predictions.
    pub(crate) fn image_error(&self, row: &Difference) -> Option<f64> {
        if row.measure != Measure::AccuracyAfterTraining {
            return None;
        }
        let of = |name: &str| {
            let method = self.methods.iter().position(|method| method == name)?;
            self.correct.get(&(row.cycle, method))
        };
        let (a, b) = (of(&row.method)?, of(&row.baseline)?);
        let pairs: Vec<_> = a.iter().filter_map(|(seed, a)| Some((a, b.get(seed)?))).collect();
        (pairs.len() == row.n).then(|| paired_error(&pairs))?
    }
}

/// Whether the version that wrote the run keeps predictions: it counts ties, too.
fn keeps_predictions(run: &Run) -> bool {
    run.clips.iter().any(|clip| clip.ties.is_some()) || run.folder.join(FOLDER).exists()
}

/// The predictions of one network beside the labels; else the file, and what is wrong with it.
fn correct(
    run: &Run,
    clip: &Clip,
    labels: &[u16],
) -> Result<Correct, (std::path::PathBuf, String)> {
    let Clip { method, seed, cycle, .. } = clip;
    let folder = run.folder.join(FOLDER);
    // What a table says becomes a part of a path only where it can be the name of a method.
    if !method.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
        return Err((folder, "a method's name is none that a folder can have".into()));
    }
    let path = folder.join(format!("{method}_seed_{seed}/cycle_{cycle:02}.safetensors"));
    let read = || {
        let predicted = classes(&path, "after_training", run.data.test)?;
        if predicted.len() != labels.len() {
            return Err(format!("{} predictions of {} images", predicted.len(), labels.len()));
        }
        let correct = Correct::of(&predicted, labels);
        let (found, told) = (correct.fraction(), clip.accuracy_after_training.unwrap_or(-1.0));
        // The mean of batches weighs the images of a last, smaller batch otherwise.
        let by_image = run.setting("evaluation", "accuracy").and_then(toml::Value::as_str)
            == Some("all-images");
        if by_image && (found - told).abs() > 0.5 / labels.len() as f64 {
            return Err(format!("accuracy {found}, but cycles.csv has {told}"));
        }
        Ok(correct)
    };
    read().map_err(|reason| (path.clone(), reason))
}

/// A tensor of classes, one an image; of `images` where that is known.
fn classes(path: &Path, name: &str, images: usize) -> Result<Vec<u16>, String> {
    let bytes = read_whole(path, limits::PREDICTIONS_BYTES)
        .map_err(|error| format!("cannot be read: {error}"))?;
    let file = tensors(&bytes)?;
    let view = file.tensor(name).map_err(|_| format!("there is no tensor {name} in it"))?;
    let (shape, data) = (view.shape(), view.data());
    let classes: Vec<u16> = match view.dtype() {
        Dtype::U8 => data.iter().map(|class| u16::from(*class)).collect(),
        Dtype::U16 => data.as_chunks().0.iter().map(|class| u16::from_le_bytes(*class)).collect(),
        other => return Err(format!("{name} holds {other:?}; expected U8 or U16")),
    };
    let expected = if images == 0 { classes.len() } else { images };
    if shape != [expected] || expected == 0 {
        return Err(format!(
            "{name} has the shape {shape:?}; expected one class for each test image"
        ));
    }
    Ok(classes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use safetensors::tensor::TensorView;

    use super::*;
    use crate::table::tests::{clip, run_of};

    /// Images that a network classifies rightly: as in tests/statistics.py.
    fn right(method: usize, seed: usize) -> Correct {
        let right = |i: usize| (i * (7 + method) + 13 * seed + i / 9) % 17 != seed;
        let classes: Vec<u16> = (0..1000).map(|i| u16::from(right(i))).collect();
        Correct::of(&classes, &[1; 1000])
    }

    fn error(seeds: usize) -> f64 {
        let all: Vec<_> = (0..seeds).map(|seed| [right(0, seed), right(1, seed)]).collect();
        paired_error(&all.iter().map(|[a, b]| (a, b)).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn the_error_of_one_seed_is_mcnemars_and_that_of_several_the_bootstraps() {
        // 51 images that only one network gets right, 53 that only the other does.
        let closed = (104.0 - 4.0 / 1000.0_f64).sqrt() / 1000.0;
        assert!((error(1) - closed).abs() < 1e-15, "{}", error(1));
        assert!((error(1) - 0.010197842909164662).abs() < 1e-15, "{}", error(1));
        // 20000 bootstrap samples of the images give 0.005763.
        assert!((error(3) - 0.005763785407370942).abs() < 1e-15, "{}", error(3));
        assert_eq!(paired_error(&[]), None);
        let few = Correct::of(&[1], &[1]);
        assert_eq!(paired_error(&[(&right(0, 0), &few)]), None);
    }

    /// Two clips of two methods and three seeds, with their predictions.
    fn run(folder: &Path) -> Run {
        let write = |path: std::path::PathBuf, name: &str, classes: &[u8]| {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let view = TensorView::new(Dtype::U8, vec![classes.len()], classes).unwrap();
            fs::write(path, safetensors::serialize([(name, view)], None).unwrap()).unwrap();
        };
        let own = folder.join(FOLDER);
        write(own.join("labels.safetensors"), "labels", &[1; 1000]);
        let mut clips = vec![];
        for (place, method) in ["dtc", "l2"].into_iter().enumerate() {
            for seed in 0..3 {
                let right = right(place, seed);
                let bit = |i: usize| (right.words[i / 64] >> (i % 64) & 1) as u8;
                let classes: Vec<u8> = (0..1000).map(bit).collect();
                for (cycle, before, after) in [(0, 100, 50), (1, 50, 25)] {
                    let path = format!("{method}_seed_{seed}/cycle_{cycle:02}.safetensors");
                    write(own.join(path), "after_training", &classes);
                    let clip = clip(3 * place + seed, cycle, before, after, 0.9);
                    clips.push(Clip {
                        method: method.into(),
                        seed: seed as u64,
                        accuracy_after_training: Some(right.fraction()),
                        ties: Some(0),
                        ..clip
                    });
                }
            }
        }
        let mut run = Run { folder: folder.to_path_buf(), ..run_of(clips) };
        run.config = "[evaluation]\naccuracy = \"all-images\"".parse().unwrap();
        run.data.test = 1000;
        run
    }

    fn errors(run: &Run) -> (Vec<Option<f64>>, Vec<Gap>) {
        let mut comparison = Comparison::of(std::slice::from_ref(run)).unwrap();
        let gaps = comparison.read_predictions(std::slice::from_ref(run));
        (comparison.family(0).iter().map(|row| row.image_error).collect(), gaps)
    }

    #[test]
    fn predictions_of_a_folder_stand_beside_the_differences() {
        let folder = tempfile::tempdir().unwrap();
        let run = run(folder.path());
        let (found, gaps) = errors(&run);
        assert_eq!(gaps, []);
        // After training at both widths, and right after the clip, of which there are none.
        assert_eq!(found, [Some(error(3)), Some(error(3)), None, None]);
    }

    #[test]
    fn predictions_that_are_missing_or_damaged_are_gaps_and_no_numbers() {
        let gap = |damage: fn(&Path, &mut Run)| {
            let folder = tempfile::tempdir().unwrap();
            let mut run = run(folder.path());
            damage(&folder.path().join(FOLDER), &mut run);
            let (found, gaps) = errors(&run);
            (found.iter().flatten().count(), gaps)
        };
        let (known, gaps) = gap(|own, _| {
            fs::remove_file(own.join("l2_seed_1/cycle_01.safetensors")).unwrap();
        });
        assert!(known == 1 && gaps.len() == 1, "{gaps:?}");
        assert!(gaps[0].path.ends_with("l2_seed_1/cycle_01.safetensors"), "{gaps:?}");
        let (known, gaps) = gap(|own, _| fs::remove_dir_all(own).unwrap());
        assert!(known == 0 && gaps.len() == 1 && gaps[0].path.ends_with("labels.safetensors"));
        // An earlier version kept none, and counted no ties.
        let (known, gaps) = gap(|own, run| {
            fs::remove_dir_all(own).unwrap();
            run.clips.iter_mut().for_each(|clip| clip.ties = None);
        });
        assert_eq!((known, gaps.len()), (0, 0));
        let (known, gaps) = gap(|own, _| {
            let other = own.join("dtc_seed_1/cycle_00.safetensors");
            fs::copy(other, own.join("dtc_seed_0/cycle_00.safetensors")).unwrap();
        });
        assert!(known == 1 && gaps[0].reason.contains("but cycles.csv has"), "{gaps:?}");
        let (known, gaps) = gap(|_, run| run.data.test = 999);
        assert!(known == 0 && gaps[0].reason.contains("shape [1000]"), "{gaps:?}");
        let (_, gaps) = gap(|_, run| {
            run.clips.iter_mut().for_each(|clip| clip.method = "../x".into());
        });
        assert!(gaps[0].reason.contains("a method's name"), "{gaps:?}");
    }

    #[test]
    fn whatever_a_file_of_predictions_holds_it_is_answered() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        let read = |bytes: &[u8], images: usize| {
            fs::write(&path, bytes).unwrap();
            classes(&path, "after_training", images)
        };
        let file = |dtype, data: &[u8], shape: Vec<usize>| {
            let view = TensorView::new(dtype, shape, data).unwrap();
            safetensors::serialize([("after_training", view)], None).unwrap()
        };
        let whole = file(Dtype::U8, &[3, 1, 4], vec![3]);
        assert_eq!(read(&whole, 3), Ok(vec![3, 1, 4]));
        assert_eq!(read(&file(Dtype::U16, &[1, 1, 4, 0], vec![2]), 0), Ok(vec![257, 4]));
        for (bytes, images, expected) in [
            (file(Dtype::U8, &[3, 1, 4], vec![3]), 4, "[3]; expected one class"),
            (file(Dtype::U8, &[3, 1, 4, 1], vec![2, 2]), 4, "[2, 2]; expected one class"),
            (file(Dtype::U8, &[], vec![0]), 0, "expected one class"),
            (file(Dtype::F32, &[0; 8], vec![2]), 2, "F32; expected U8 or U16"),
        ] {
            let reason = read(&bytes, images).unwrap_err();
            assert!(reason.contains(expected), "{reason}");
        }
        for place in 0..whole.len() {
            assert!(read(&whole[..place], 3).is_err(), "{place}");
            let mut wrong = whole.clone();
            wrong[place] ^= 0x7f;
            // A class may be another one; all else is refused or is the same.
            drop(read(&wrong, 3));
        }
        assert!(classes(&folder.path().join("none"), "labels", 3).unwrap_err().contains("read"));
    }
}
