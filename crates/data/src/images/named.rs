//! Reads image files by their names, for a network that expects images of a shape.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::decode::open;
use crate::error::DataError;

/// Reads an image of `[height, width]` or `[height, width, channels]`, with 1, 3 or 4 channels, from each file. As in
/// a folder of images, an image of another size is scaled until it covers this size, and its centre is cut out; and
/// grey becomes colour, and what has no opacity is opaque. Besides, colour becomes grey (by its luminance), and opacity
/// is left out.
///
/// An error has the name of its file: it cannot be read, or is not an image; or images of this shape cannot come from
/// image files.
pub fn read_named(files: &[PathBuf], shape: &[usize]) -> Vec<Result<Vec<u8>, DataError>> {
    files.par_iter().map(|file| read_one(file, shape)).collect()
}

fn read_one(file: &Path, shape: &[usize]) -> Result<Vec<u8>, DataError> {
    let refuse = |reason: String| DataError::format(file, reason);
    let ([height, width], channels) = match *shape {
        [height, width] => ([height, width], 1),
        [height, width, channels @ (1 | 3 | 4)] => ([height, width], channels),
        _ => {
            return Err(refuse(format!(
                "an image file has rows and columns of 1, 3 or 4 channels, but the network reads {shape:?}; name a \
                 .npy file instead"
            )));
        }
    };
    let image = open(file, Some([height, width]))
        .map_err(|reason| refuse(format!("it is no image, or a damaged one: {reason}")))?;
    Ok(match channels {
        1 => image.into_luma8().into_raw(),
        3 => image.into_rgb8().into_raw(),
        _ => image.into_rgba8().into_raw(),
    })
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, GrayImage, RgbImage, RgbaImage};

    use super::*;

    #[test]
    fn every_image_gets_the_channels_and_the_size_that_are_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, image: DynamicImage| {
            let path = folder.path().join(name);
            image.save(&path).unwrap();
            path
        };
        let files = [
            file("grey.png", GrayImage::from_pixel(3, 2, [50].into()).into()),
            file("colour.png", RgbImage::from_pixel(3, 2, [255, 0, 0].into()).into()),
            file("opacity.webp", RgbaImage::from_pixel(3, 2, [9, 8, 7, 6].into()).into()),
            file("large.png", RgbImage::from_pixel(12, 12, [1, 2, 3].into()).into()),
        ];
        let first = |channels: usize| -> Vec<Vec<u8>> {
            let images = read_named(&files, &[2, 3, channels]).into_iter().map(Result::unwrap);
            let of_shape = |image: Vec<u8>| {
                assert_eq!(image.len(), 6 * channels);
                image[..channels].to_vec()
            };
            images.map(of_shape).collect()
        };
        // The luminance of red is 0.2126.
        assert_eq!(first(1), [[50], [54], [8], [2]]);
        assert_eq!(first(3), [[50, 50, 50], [255, 0, 0], [9, 8, 7], [1, 2, 3]]);
        assert_eq!(first(4), [[50, 50, 50, 255], [255, 0, 0, 255], [9, 8, 7, 6], [1, 2, 3, 255]]);
        assert_eq!(read_named(&files[..1], &[2, 3])[0].as_ref().unwrap(), &[50; 6]);
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let [whole, half] = ["whole.png", "half.png"].map(|name| folder.path().join(name));
        GrayImage::new(30, 30).save(&whole).unwrap();
        let bytes = std::fs::read(&whole).unwrap();
        std::fs::write(&half, &bytes[..bytes.len() / 2]).unwrap();
        let files = [half, whole, folder.path().join("none.png"), folder.path().to_owned()];
        let read = read_named(&files, &[5, 5]);
        let reason = |index: usize| read[index].as_ref().unwrap_err().to_string();
        assert!(reason(0).contains("half.png: it is no image, or a damaged one"), "{}", reason(0));
        assert!(read[1].is_ok() && reason(2).contains("none.png") && reason(3).contains("folder"));
        GrayImage::new(1, 40_000).save(folder.path().join("long.png")).unwrap();
        let long = read_named(&[folder.path().join("long.png")], &[900, 900]).remove(0);
        let long = long.unwrap_err().to_string();
        assert!(long.contains("long.png") && long.contains("cover 900 × 900"), "{long}");
        let columns = read_named(&files[1..2], &[7]).remove(0).unwrap_err().to_string();
        assert!(columns.contains("whole.png") && columns.contains(".npy"), "{columns}");
    }
}
