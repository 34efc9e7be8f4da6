//! The splits of the data set on the device, and the batches taken from them.
//!
//! On a GPU, four pixels are packed into one 32-bit word and unpacked in the batch. As f32, MNIST alone takes 188
//! MB, and many adapters limit a buffer to 128 MiB. On a CPU the bytes stay as they are, and a batch is gathered
//! and normalised in one pass. Floats are normalised once, when they are uploaded.
//!
//! Images that take too much memory are read for each batch: on a GPU from the host's memory, everywhere from the file
//! that has them decoded. A batch has the same bits wherever its images come from.

use std::mem::MaybeUninit;

use burn::tensor::{Device, Float, Int, Tensor, TensorData};
use rayclip_data::{Split, Stored, Values};
use rayclip_model::Shape;
use rayon::prelude::*;

use super::blocks::{BLOCK_BYTES, Blocks};
use super::scale::DeviceScale;
use super::{Change, PixelScale};
use crate::device::is_host;
use crate::error::TrainerError;

/// Numbers that are gathered together: their bytes and values stay in the cache of a core.
const TOGETHER: usize = 1 << 14;

/// All images of a run.
pub(crate) struct Splits {
    pub(crate) train: DeviceImages,
    pub(crate) validation: Option<DeviceImages>,
    pub(crate) test: DeviceImages,
}

/// One batch.
pub(crate) struct Batch {
    /// `[replica or 1, image · position, channel]`, normalised.
    pub(crate) images: Tensor<3>,
    /// `[replica or 1, image, 1]`.
    pub(crate) labels: Tensor<3, Int>,
}

/// The images and labels of a split.
pub(crate) struct DeviceImages {
    /// What the networks read: the image itself, or a vector of all its numbers.
    shape: Shape,
    /// Rows and columns of an image, for changes of it.
    image: Shape,
    count: usize,
    store: Store,
    labels: Tensor<1, Int>,
    /// What comes in from outside of a changed image, for each channel or for all.
    outside: Vec<f32>,
    device: Device,
}

enum Store {
    /// Bytes, and the normalised value of each, for every channel or for all.
    Bytes(Vec<u8>, Vec<[f32; 256]>),
    /// Normalised floats.
    Floats(Vec<f32>),
    /// Packed bytes on a device.
    Words(Blocks<Int>, DeviceScale),
    /// Normalised floats on a device.
    Blocks(Blocks<Float>),
    /// Bytes that are read for each batch.
    Read(Unread, Normalising),
}

/// Where the bytes of a batch are read from.
enum Unread {
    File(Stored),
    Host(Vec<u8>),
}

/// Where the bytes of a batch are normalised: on the host, as [`Store::Bytes`], or on a device, as [`Store::Words`].
enum Normalising {
    Host(Vec<[f32; 256]>),
    Device(DeviceScale),
}

/// How images are stored on a device.
#[derive(Clone, Copy)]
struct OnDevice<'a> {
    device: &'a Device,
    /// Bytes of a block.
    block_bytes: usize,
    /// The most bytes of a split.
    memory: usize,
}

impl Store {
    /// Stores images of `numbers` values each, in the memory of the host or of a device.
    fn new(images: Values, numbers: usize, scale: &PixelScale, on: Option<OnDevice<'_>>) -> Self {
        let normalising = || match on {
            None => Normalising::Host(scale.tables()),
            Some(OnDevice { device, .. }) => Normalising::Device(scale.on(device)),
        };
        match (images, on) {
            (Values::Stored(stored), _) => Self::Read(Unread::File(stored), normalising()),
            (Values::Bytes(bytes), None) => Self::Bytes(bytes, scale.tables()),
            (Values::Bytes(bytes), Some(OnDevice { memory, .. })) if bytes.len() > memory => {
                Self::Read(Unread::Host(bytes), normalising())
            }
            (Values::Bytes(bytes), Some(OnDevice { device, block_bytes, .. })) => {
                let words = Blocks::pack(&bytes, numbers, block_bytes, device);
                Self::Words(words, scale.on(device))
            }
            (Values::Floats(mut floats), on) => {
                scale.normalise(&mut floats);
                match on {
                    None => Self::Floats(floats),
                    Some(OnDevice { device, block_bytes, .. }) => {
                        Self::Blocks(Blocks::copy(&floats, numbers, block_bytes, device))
                    }
                }
            }
        }
    }
}

impl DeviceImages {
    /// As [`upload_within`](Self::upload_within), without a limit.
    #[cfg(test)]
    pub(crate) fn upload(split: Split, shape: Shape, scale: &PixelScale, device: &Device) -> Self {
        Self::upload_within(split, shape, scale, device, usize::MAX)
    }

    /// Uploads a split for networks that read images of a shape. On a GPU, a split with more bytes than `memory`
    /// stays in the host's.
    pub(crate) fn upload_within(
        split: Split,
        shape: Shape,
        scale: &PixelScale,
        device: &Device,
        memory: usize,
    ) -> Self {
        let count = split.len();
        let labels: Vec<i32> = split.labels.iter().copied().map(i32::from).collect();
        let on = OnDevice { device, block_bytes: BLOCK_BYTES, memory };
        let on = (!is_host(device)).then_some(on);
        let store = Store::new(split.images, shape.numbers(), scale, on);
        Self {
            shape,
            image: shape,
            count,
            store,
            labels: Tensor::from_data(TensorData::new(labels, [count]), device),
            outside: scale.zeros(),
            device: device.clone(),
        }
    }

    /// Returns the split with the rows and columns of its images, which networks may read as vectors.
    pub(crate) fn of_images(self, image: Shape) -> Self {
        Self { image, ..self }
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Returns the images with the numbers `indices[replica]`. All lists have the same length.
    ///
    /// # Errors
    /// The images stay in a file, and it cannot be read.
    pub(crate) fn batch(&self, indices: &[Vec<usize>]) -> Result<Batch, TrainerError> {
        let (lists, length) = (indices.len(), indices[0].len());
        let flat: Vec<i32> = indices.iter().flatten().map(|&index| index as i32).collect();
        let on_device = TensorData::new(flat, [lists * length]);
        let on_device = Tensor::<1, Int>::from_data(on_device, &self.device);
        let labels = self.labels.clone().select(0, on_device);
        let Shape { channels, .. } = self.shape;
        let extents = [lists, length * self.shape.positions(), channels];
        let images = match &self.store {
            Store::Bytes(bytes, tables) => self.gather(indices, extents, |values, images| {
                normalise(values, bytes, images, tables);
            }),
            Store::Floats(floats) => self.gather(indices, extents, |values, images| {
                copy(values, floats, images);
            }),
            Store::Words(words, scale) => {
                scale.normalise(self.unpack(&words.rows(indices))).reshape(extents)
            }
            Store::Blocks(blocks) => blocks.rows(indices).reshape(extents),
            Store::Read(unread, normalising) => {
                self.read(unread, normalising, indices)?.reshape(extents)
            }
        };
        Ok(Batch { images, labels: labels.reshape([lists, length, 1]) })
    }

    /// Returns a batch of changed images: as [`batch`](Self::batch), with a change for every replica and image. A
    /// list of images that all replicas share becomes one per replica.
    ///
    /// # Errors
    /// As [`batch`](Self::batch).
    pub(crate) fn changed_batch(
        &self,
        indices: &[Vec<usize>],
        changes: &[Vec<Change>],
    ) -> Result<Batch, TrainerError> {
        let of_replica = |replica: usize| indices[replica.min(indices.len() - 1)].clone();
        let indices: Vec<Vec<usize>> = (0..changes.len()).map(of_replica).collect();
        let Batch { images, labels } = self.batch(&indices)?;
        let (extents, image) = (images.dims(), self.image);
        let (replicas, positions, channels) = (extents[0], image.positions(), image.channels);
        let rows = indices[0].len() * positions;
        let images = images.reshape([replicas * rows, channels]);
        let outside: Vec<f32> = self.outside.iter().copied().cycle().take(channels).collect();
        let sources = changes.iter().flatten().zip(0..).flat_map(|(change, number)| {
            let last = replicas * rows;
            let row =
                move |source: Option<usize>| source.map_or(last, |at| number * positions + at);
            change.sources(image).map(row)
        });
        let images = match self.store {
            Store::Bytes(..) | Store::Floats(_) | Store::Read(_, Normalising::Host(_)) => {
                gather_rows(images, sources, &outside)
            }
            Store::Words(..) | Store::Blocks(_) | Store::Read(_, Normalising::Device(_)) => {
                select_rows(images, sources, outside)
            }
        };
        Ok(Batch { images: images.reshape(extents), labels })
    }

    /// Reads the bytes of images and normalises them, `[1, image, pixel]`.
    fn read(
        &self,
        unread: &Unread,
        normalising: &Normalising,
        indices: &[Vec<usize>],
    ) -> Result<Tensor<3>, TrainerError> {
        let (flat, pixels) = (indices.concat(), self.shape.numbers());
        let bytes = match unread {
            Unread::File(stored) => stored.read(&flat)?,
            Unread::Host(bytes) => {
                let image = |index: &usize| &bytes[index * pixels..(index + 1) * pixels];
                flat.iter().map(image).collect::<Vec<_>>().concat()
            }
        };
        let all = [(0..flat.len()).collect()];
        let extents = [1, flat.len(), pixels];
        Ok(match normalising {
            Normalising::Host(tables) => self.gather(&all, extents, |values, images| {
                normalise(values, &bytes, images, tables);
            }),
            Normalising::Device(scale) => {
                let words = Blocks::pack(&bytes, pixels, usize::MAX, &self.device);
                scale.normalise(self.unpack(&words.rows(&all))).reshape(extents)
            }
        })
    }

    /// Gathers images, in parallel. `write` writes all values of the images with some numbers. Methods of one seed have
    /// equal lists, which are gathered once.
    fn gather(
        &self,
        indices: &[Vec<usize>],
        extents: [usize; 3],
        write: impl Fn(&mut [MaybeUninit<f32>], &[usize]) + Sync,
    ) -> Tensor<3> {
        let pixels = self.shape.numbers();
        let of_list = indices[0].len() * pixels;
        // Zeros would take half as long as the gather.
        let mut gathered = Vec::with_capacity(indices.len() * of_list);
        for (number, list) in indices.iter().enumerate() {
            let (earlier, rest) = gathered.spare_capacity_mut().split_at_mut(number * of_list);
            let values = &mut rest[..list.len() * pixels];
            assert_eq!(values.len(), of_list, "all lists have the same length");
            if let Some(equal) = indices[..number].iter().position(|earlier| earlier == list) {
                values.copy_from_slice(&earlier[equal * of_list..(equal + 1) * of_list]);
                continue;
            }
            let images = (TOGETHER / pixels).max(1);
            let parts = values.par_chunks_mut(images * pixels).zip(list.par_chunks(images));
            parts.for_each(|(values, images)| write(values, images));
        }
        #[expect(unsafe_code, reason = "safe code writes zeros first")]
        // SAFETY: the loop wrote the values of every list, and they fit the capacity.
        unsafe {
            gathered.set_len(indices.len() * of_list);
        }
        Tensor::from_data(TensorData::new(gathered, extents), &self.device)
    }

    /// `[image, word] → [image, pixel]`, from 0 to 255.
    fn unpack(&self, words: &Tensor<2, Int>) -> Tensor<2> {
        let [images, count] = words.dims();
        let bytes = (0..4).map(|byte| {
            let shifted = words.clone().bitwise_right_shift_scalar(8 * byte);
            shifted.bitwise_and_scalar(255).reshape([images, count, 1])
        });
        let pixels = Tensor::cat(bytes.collect(), 2).reshape([images, 4 * count]).float();
        pixels.narrow(1, 0, self.shape.numbers())
    }
}

/// Copies the numbers of images.
fn copy(values: &mut [MaybeUninit<f32>], stored: &[f32], images: &[usize]) {
    let pixels = values.len() / images.len();
    for (values, image) in values.chunks_exact_mut(pixels).zip(images) {
        values.write_copy_of_slice(&stored[image * pixels..(image + 1) * pixels]);
    }
}

/// Normalises the pixels of images. There is a table for every channel, or one for all.
fn normalise(
    values: &mut [MaybeUninit<f32>],
    stored: &[u8],
    images: &[usize],
    tables: &[[f32; 256]],
) {
    // A copy waits for the memory of many pixels at once, a look into a table for that of one.
    let pixels = values.len() / images.len();
    assert!(pixels.is_multiple_of(tables.len()), "every image has whole pixels");
    let mut bytes = Vec::with_capacity(values.len());
    for image in images {
        bytes.extend_from_slice(&stored[image * pixels..(image + 1) * pixels]);
    }
    let of = |table: &[f32; 256], pixel: u8| MaybeUninit::new(table[usize::from(pixel)]);
    match tables {
        [table] => {
            for (value, &pixel) in values.iter_mut().zip(&bytes) {
                *value = of(table, pixel);
            }
        }
        [red, green, blue] => {
            let colours = values.as_chunks_mut().0.iter_mut().zip(bytes.as_chunks().0);
            for (value, &[r, g, b]) in colours {
                *value = [of(red, r), of(green, g), of(blue, b)];
            }
        }
        _ => {
            let pixels = values.iter_mut().zip(&bytes).zip(tables.iter().cycle());
            for ((value, &pixel), table) in pixels {
                *value = of(table, pixel);
            }
        }
    }
}

/// As [`gather_rows`], on the device.
fn select_rows(
    images: Tensor<2>,
    sources: impl Iterator<Item = usize>,
    outside: Vec<f32>,
) -> Tensor<2> {
    let ([rows, channels], device) = (images.dims(), images.device());
    let ids: Vec<i32> = sources.map(|row| row as i32).collect();
    let outside = Tensor::from_data(TensorData::new(outside, [1, channels]), &device);
    let all = Tensor::cat(vec![images, outside], 0);
    all.select(0, Tensor::from_data(TensorData::new(ids, [rows]), &device))
}

/// Gathers rows of `[row, channel]`. A row after the last one is `outside`.
fn gather_rows(
    images: Tensor<2>,
    sources: impl Iterator<Item = usize>,
    outside: &[f32],
) -> Tensor<2> {
    let ([rows, channels], device) = (images.dims(), images.device());
    let data = images.into_data();
    let values = data.as_slice::<f32>().unwrap_or_default();
    let mut gathered = Vec::with_capacity(values.len());
    for source in sources {
        match values.get(source * channels..(source + 1) * channels) {
            Some(row) => gathered.extend_from_slice(row),
            None => gathered.extend_from_slice(outside),
        }
    }
    Tensor::from_data(TensorData::new(gathered, [rows, channels]), &device)
}

#[cfg(test)]
mod tests;
