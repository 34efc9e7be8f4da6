//! Reads CIFAR-10 and CIFAR-100 in their binary form.
//!
//! A record is one byte with the label (CIFAR-100: two, of which the second is the finer one), and 3072 bytes with
//! the red, green and blue values of 32 × 32 pixels.
//!
//! # References
//! Krizhevsky, *Learning multiple layers of features from tiny images* (2009).

use std::path::Path;

use crate::dataset::{Dataset, Split};
use crate::error::DataError;
use crate::progress::Progress;
use crate::whole::read_whole;

const SIDE: usize = 32;
const CHANNELS: usize = 3;
const PIXELS: usize = SIDE * SIDE;
/// Bytes of a file: ten times those of the largest.
const MOST_BYTES: u64 = 2 << 30;

/// A form of the files.
struct Form {
    train: &'static [&'static str],
    test: &'static str,
    /// Bytes before the pixels; the last is the label.
    labels: usize,
    classes: usize,
    names: &'static str,
}

const FORMS: [Form; 2] = [
    Form {
        train: &[
            "data_batch_1.bin",
            "data_batch_2.bin",
            "data_batch_3.bin",
            "data_batch_4.bin",
            "data_batch_5.bin",
        ],
        test: "test_batch.bin",
        labels: 1,
        classes: 10,
        names: "batches.meta.txt",
    },
    Form {
        train: &["train.bin"],
        test: "test.bin",
        labels: 2,
        classes: 100,
        names: "fine_label_names.txt",
    },
];

fn form(folder: &Path) -> Option<&'static Form> {
    FORMS.iter().find(|form| folder.join(form.train[0]).is_file())
}

/// Returns whether a folder has the files of CIFAR-10 or CIFAR-100.
pub(crate) fn is_cifar(folder: &Path) -> bool {
    form(folder).is_some()
}

/// Reads CIFAR-10 or CIFAR-100 from its folder.
///
/// # Errors
/// A file is missing or damaged.
pub fn load(folder: &Path, progress: &Progress<'_>) -> Result<Dataset, DataError> {
    let form = form(folder).ok_or_else(|| {
        DataError::format(folder, "expected data_batch_1.bin (CIFAR-10) or train.bin (CIFAR-100)")
    })?;
    let mut train = (vec![], vec![]);
    let files = form.train.len() as u64 + 1;
    for (done, name) in (1..).zip(form.train) {
        form.read(&folder.join(name), &mut train)?;
        progress(done, files);
    }
    let mut test = (vec![], vec![]);
    form.read(&folder.join(form.test), &mut test)?;
    progress(files, files);
    let name = folder.file_name().map_or("cifar".into(), |name| name.to_string_lossy());
    let split = |(images, labels): (Vec<u8>, _)| Split { images: images.into(), labels };
    let shape = vec![SIDE, SIDE, CHANNELS];
    let dataset = Dataset::new(name, shape, split(train), split(test))?;
    let class_names = std::fs::read_to_string(folder.join(form.names)).unwrap_or_default();
    let class_names = class_names.lines().filter(|line| !line.is_empty()).map(str::to_owned);
    let class_names: Vec<String> = class_names.take(form.classes).collect();
    Ok(Dataset { folder: std::path::absolute(folder).ok(), class_names, ..dataset })
}

impl Form {
    /// Appends the images and labels of a file.
    fn read(&self, path: &Path, (images, all): &mut (Vec<u8>, Vec<u8>)) -> Result<(), DataError> {
        let bytes =
            read_whole(path, MOST_BYTES).map_err(|source| DataError::io("read", path, source))?;
        let length = self.labels + CHANNELS * PIXELS;
        if bytes.is_empty() || bytes.len() % length != 0 {
            let reason = format!("{} bytes are no whole records of {length}", bytes.len());
            return Err(DataError::format(path, reason));
        }
        for (number, record) in bytes.chunks(length).enumerate() {
            let (labels, planes) = record.split_at(self.labels);
            let label = labels[self.labels - 1];
            if usize::from(label) >= self.classes {
                let reason =
                    format!("the label of image {number} is {label}, not below {}", self.classes);
                return Err(DataError::format(path, reason));
            }
            all.push(label);
            let pixel = |at: usize| (0..CHANNELS).map(move |channel| planes[channel * PIXELS + at]);
            images.extend((0..PIXELS).flat_map(pixel));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn record(labels: &[u8]) -> Vec<u8> {
        let planes = (0..CHANNELS * PIXELS).map(|at| (at / PIXELS * 10 + at % 2) as u8);
        labels.iter().copied().chain(planes).collect()
    }

    #[test]
    fn planes_become_pixels_and_the_finer_label_counts() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("train.bin"), [record(&[1, 99]), record(&[0, 3])].concat())
            .unwrap();
        fs::write(folder.path().join("test.bin"), record(&[1, 2])).unwrap();
        fs::write(folder.path().join("fine_label_names.txt"), "apple\nbear\n\n").unwrap();
        assert!(is_cifar(folder.path()));
        let data = load(folder.path(), &|_, _| ()).unwrap();
        assert_eq!((data.image_shape, data.train.labels), (vec![32, 32, 3], vec![99, 3]));
        assert_eq!(data.test.images.bytes().unwrap()[..6], [0, 10, 20, 1, 11, 21]);
        assert_eq!((data.classes, data.class_names), (100, vec!["apple".into(), "bear".into()]));
    }

    #[test]
    fn a_damaged_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        for name in FORMS[0].train {
            fs::write(folder.path().join(name), record(&[4])).unwrap();
        }
        let refused = || load(folder.path(), &|_, _| ()).unwrap_err().to_string();
        assert!(refused().contains("test_batch.bin"));
        fs::write(folder.path().join("test_batch.bin"), [1; 100]).unwrap();
        assert!(refused().contains("100 bytes are no whole records of 3073"), "{}", refused());
        fs::write(folder.path().join("test_batch.bin"), record(&[10])).unwrap();
        assert!(refused().contains("the label of image 0 is 10"), "{}", refused());
    }
}
