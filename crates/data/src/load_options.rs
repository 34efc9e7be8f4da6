//! How a folder or a file is read.

use crate::bad_image::OnBadImage;

/// How a folder or a file is read.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadOptions {
    /// What happens to a damaged image in a folder of images.
    pub on_bad: OnBadImage,
    /// Height and width of the images in a folder of images: an image is scaled until it covers them, and its centre
    /// is cut out. Without it, all images must have the same size.
    pub resize: Option<[usize; 2]>,
    /// The fraction of every class that is held out as test images, if the source has no split.
    pub test_fraction: f64,
    /// The most bytes of images that are held in memory. If a folder of images has more, they stay in the file of the
    /// user's cache folder that has them decoded, and are read when they are needed.
    pub memory: usize,
    /// The column of a CSV file that has the labels; `None` for one of [`LABEL_COLUMNS`](crate::table::LABEL_COLUMNS).
    pub label_column: Option<String>,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            on_bad: OnBadImage::Stop,
            resize: None,
            test_fraction: 0.2,
            memory: usize::MAX,
            label_column: None,
        }
    }
}
