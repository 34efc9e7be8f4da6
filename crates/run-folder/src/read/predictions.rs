//! Reads what networks predict for the test images, from `predictions/`.

use std::path::{Path, PathBuf};

use rayclip_data::arrays::tensors;
use rayclip_data::read_whole;
use safetensors::tensor::Dtype;

use super::Gap;
use crate::{limits, paths};

/// Reads the labels of the test images. There must be `images` of them, unless that is 0.
///
/// # Errors
/// The file is missing or invalid; the gap names it and the reason.
pub fn labels(folder: &Path, images: usize) -> Result<Vec<u16>, Gap> {
    let path = folder.join(paths::PREDICTIONS).join(paths::LABELS);
    classes_of(path, paths::LABELS_TENSOR, images)
}

/// Reads what the network of a replica predicts for `images` test images after the training that follows a clip.
/// `method` is part of a path, so only letters, digits, `-` and `_` are allowed in it.
///
/// # Errors
/// The file is missing or invalid; the gap names it and the reason.
pub fn predictions(
    folder: &Path,
    method: &str,
    seed: u64,
    clip: usize,
    images: usize,
) -> Result<Vec<u16>, Gap> {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !method.chars().all(is_safe) {
        let reason = "the name of a method cannot be the name of a folder".into();
        return Err(Gap { path: folder.join(paths::PREDICTIONS), reason });
    }
    let path = folder.join(paths::predictions(method, seed, Some(clip)));
    classes_of(path, paths::AFTER_TRAINING, images)
}

fn classes_of(path: PathBuf, name: &str, images: usize) -> Result<Vec<u16>, Gap> {
    classes(&path, name, images).map_err(|reason| Gap { path, reason })
}

/// Reads a tensor with one class per image. There must be `images` of them, unless that is 0.
fn classes(path: &Path, name: &str, images: usize) -> Result<Vec<u16>, String> {
    let bytes = read_whole(path, limits::PREDICTIONS_BYTES)
        .map_err(|error| format!("cannot be read: {error}"))?;
    let file = tensors(&bytes)?;
    let view = file.tensor(name).map_err(|_| format!("it has no tensor {name}"))?;
    let (shape, data) = (view.shape(), view.data());
    let classes: Vec<u16> = match view.dtype() {
        Dtype::U8 => data.iter().map(|class| u16::from(*class)).collect(),
        Dtype::U16 => data.as_chunks().0.iter().map(|class| u16::from_le_bytes(*class)).collect(),
        other => return Err(format!("{name} is {other:?}; expected U8 or U16")),
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
        for index in 0..whole.len() {
            assert!(read(&whole[..index], 3).is_err(), "{index}");
            let mut wrong = whole.clone();
            wrong[index] ^= 0x7f;
            // One class may change; any other change is refused or has no effect.
            drop(read(&wrong, 3));
        }
        assert!(labels(folder.path(), 3).unwrap_err().reason.contains("cannot be read"));
        let refused = predictions(folder.path(), "../x", 0, 0, 3).unwrap_err();
        assert!(refused.reason.contains("name of a method"), "{refused:?}");
    }

    #[test]
    fn what_was_written_is_read() {
        let parent = tempfile::tempdir().unwrap();
        let folder = crate::write::RunFolder::from(parent.path());
        let method = crate::config::Method::L2;
        let replica = crate::config::Replica { number: 0, seed_index: 0, method, seed: 7 };
        folder.write_labels(&[1, 2]).unwrap();
        folder.write_predictions(&replica, 3, &[1, 1]).unwrap();
        assert_eq!(labels(parent.path(), 2), Ok(vec![1, 2]));
        assert_eq!(predictions(parent.path(), "l2", 7, 3, 2), Ok(vec![1, 1]));
    }
}
