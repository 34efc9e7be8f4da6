//! Decodes all images of a folder.

use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::decode::{Decoded, decode};
use super::listing::{Item, Listing};
use crate::bad_image::{BadImage, OnBadImage};
use crate::dataset::Split;
use crate::error::DataError;
use crate::load_options::LoadOptions;
use crate::progress::Progress;

/// Images that are decoded at the same time.
const BLOCK: usize = 1024;

/// The images of both splits, decoded.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DecodedSet {
    pub(super) image_shape: Vec<usize>,
    pub(super) train: Split,
    pub(super) test: Split,
    pub(super) bad: Vec<BadImage>,
}

/// A folder of images that is decoded.
pub(super) struct Decoding<'a> {
    pub(super) folder: &'a Path,
    pub(super) listing: &'a Listing,
    /// The channels of all decoded images.
    pub(super) channels: usize,
    pub(super) options: &'a LoadOptions,
    pub(super) progress: &'a Progress<'a>,
}

/// What is known after all images are decoded.
pub(super) struct Summary {
    pub(super) image_shape: Vec<usize>,
    pub(super) train_labels: Vec<u8>,
    pub(super) test_labels: Vec<u8>,
    pub(super) bad: Vec<BadImage>,
}

/// What has been decoded so far.
#[derive(Default)]
struct SoFar {
    /// The file, height and width of the first image.
    first: Option<(PathBuf, [usize; 2])>,
    /// The error of an image of another size.
    other: Option<DataError>,
    train_labels: Vec<u8>,
    test_labels: Vec<u8>,
    bad: Vec<BadImage>,
}

impl Decoding<'_> {
    /// Decodes the images into memory.
    ///
    /// # Errors
    /// As [`decode_all`](Self::decode_all); or they take more memory than they may.
    pub(super) fn in_memory(&self) -> Result<DecodedSet, DataError> {
        let limit = self.options.memory;
        let (mut images, mut is_too_much) = (vec![], false);
        let summary = self.decode_all(|bytes| {
            is_too_much |= images.len() + bytes.len() > limit;
            if !is_too_much {
                images.extend_from_slice(bytes);
            }
            Ok(())
        })?;
        if is_too_much {
            let reason = format!(
                "the images take more than {} MiB, and cannot be kept in a file, because the cache folder cannot be \
                 written; allow more memory with --image-memory, or name a cache folder with XDG_CACHE_HOME",
                limit >> 20
            );
            return Err(DataError::format(self.folder, reason));
        }
        let Summary { image_shape, train_labels, test_labels, bad } = summary;
        let test = images.split_off(train_labels.len() * image_shape.iter().product::<usize>());
        Ok(DecodedSet {
            image_shape,
            train: Split { images: images.into(), labels: train_labels },
            test: Split { images: test.into(), labels: test_labels },
            bad,
        })
    }

    /// Decodes the images. `write` gets the pixels of one after the other: first all training images.
    ///
    /// # Errors
    /// An image is damaged, or the images have different sizes.
    pub(super) fn decode_all(
        &self,
        mut write: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<Summary, DataError> {
        let Self { folder, listing, options, progress, .. } = *self;
        let (mut so_far, mut pixels) = (SoFar::default(), vec![]);
        let train = listing.items.iter().filter(|item| !item.is_test);
        let items: Vec<&Item> = train.chain(listing.items.iter().filter(|i| i.is_test)).collect();
        for (block, items) in items.chunks(BLOCK).enumerate() {
            let decode = |item: &&Item| decode(&folder.join(&item.path), options.resize);
            let decoded: Vec<Result<Decoded, String>> = items.par_iter().map(decode).collect();
            for (item, decoded) in items.iter().zip(decoded) {
                pixels.clear();
                self.add(item, decoded, &mut so_far, &mut pixels);
                if !pixels.is_empty() {
                    write(&pixels).map_err(|error| DataError::io("keep", folder, error))?;
                }
            }
            progress((block * BLOCK + items.len()) as u64, listing.items.len() as u64);
        }
        self.conclude(so_far)
    }

    /// Adds an image: its pixels, if it can be used.
    fn add(
        &self,
        item: &Item,
        decoded: Result<Decoded, String>,
        so_far: &mut SoFar,
        pixels: &mut Vec<u8>,
    ) {
        let decoded = match decoded {
            Ok(decoded) if decoded.channels <= self.channels => decoded,
            Ok(_) => {
                return so_far.add_bad(item, "it has more channels than its header says".into());
            }
            Err(reason) => return so_far.add_bad(item, reason),
        };
        let size = [decoded.height, decoded.width];
        let (first, of_first) = so_far.first.get_or_insert_with(|| (item.path.clone(), size));
        if size != *of_first {
            let [height, width] = *of_first;
            let reason = format!(
                "the image is {} × {}, but {} is {height} × {width}; bring all to one size with --resize, such as \
                 --resize {height}x{width}",
                size[0],
                size[1],
                first.display(),
            );
            let error = || DataError::format(self.folder.join(&item.path), reason);
            so_far.other.get_or_insert_with(error);
            return;
        }
        decoded.append_to(pixels, self.channels);
        let labels = if item.is_test { &mut so_far.test_labels } else { &mut so_far.train_labels };
        labels.push(item.class);
    }

    fn conclude(&self, so_far: SoFar) -> Result<Summary, DataError> {
        let SoFar { first, other, train_labels, test_labels, mut bad } = so_far;
        bad.sort_by(|a, b| a.path.cmp(&b.path));
        if self.options.on_bad == OnBadImage::Stop
            && let Some(BadImage { path, reason }) = bad.first()
        {
            let count = bad.len();
            let reason = format!(
                "the image is damaged: {reason} ({count} of {} images are); put it right or remove it, or leave such \
                 images out with --on-bad-image skip",
                self.listing.items.len()
            );
            return Err(DataError::format(self.folder.join(path), reason));
        }
        if let Some(error) = other {
            return Err(error);
        }
        let Some((_, [height, width])) = first else {
            return Err(DataError::format(self.folder, "every image is damaged"));
        };
        let mut image_shape = vec![height, width];
        image_shape.extend((self.channels > 1).then_some(self.channels));
        Ok(Summary { image_shape, train_labels, test_labels, bad })
    }
}

impl SoFar {
    fn add_bad(&mut self, item: &Item, reason: String) {
        self.bad.push(BadImage { path: item.path.clone(), reason });
    }
}
