//! The splits of the data set on the device, and the batches taken from them.
//!
//! On a GPU, four pixels are packed into one 32-bit word and unpacked in the batch. As f32, MNIST alone takes 188
//! MB, and many adapters limit a buffer to 128 MiB. On a CPU the bytes stay as they are, and a batch is gathered
//! and normalised in one pass.

use burn::tensor::{Device, Int, Tensor, TensorData};
use rayclip_data::Split;
use rayclip_model::Shape;

use super::Change;
use crate::device::is_host;

/// All images of a run.
pub(crate) struct Splits {
    pub(crate) train: DeviceImages,
    pub(crate) validation: Option<DeviceImages>,
    pub(crate) test: DeviceImages,
}

/// `(pixel / 255 − mean) / deviation`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PixelScale {
    pub(crate) mean: f64,
    pub(crate) deviation: f64,
}

impl PixelScale {
    fn apply(self, pixel: u8) -> f32 {
        ((f64::from(pixel) / 255.0 - self.mean) / self.deviation) as f32
    }
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
    scale: PixelScale,
    device: Device,
}

enum Store {
    Bytes(Vec<u8>),
    Words(Words),
}

/// Words of four pixels, the first pixel in the lowest byte.
struct Words {
    /// `[image, word]`; all blocks but the last have `images_per_block` images.
    blocks: Vec<Tensor<2, Int>>,
    images_per_block: usize,
}

/// Bytes of a block: half of the binding size that every WebGPU adapter must support.
const BLOCK_BYTES: usize = 64 << 20;

impl DeviceImages {
    /// Uploads a split for networks that read images of a shape.
    pub(crate) fn upload(split: Split, shape: Shape, scale: PixelScale, device: &Device) -> Self {
        let (count, pixels) = (split.len(), shape.numbers());
        let labels: Vec<i32> = split.labels.iter().copied().map(i32::from).collect();
        let store = if is_host(device) {
            Store::Bytes(split.images)
        } else {
            Store::Words(Words::pack(&split.images, pixels, BLOCK_BYTES, device))
        };
        Self {
            shape,
            image: shape,
            count,
            store,
            labels: Tensor::from_data(TensorData::new(labels, [count]), device),
            scale,
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
    pub(crate) fn batch(&self, indices: &[Vec<usize>]) -> Batch {
        let (lists, length) = (indices.len(), indices[0].len());
        let flat: Vec<i32> = indices.iter().flatten().map(|&index| index as i32).collect();
        let on_device = TensorData::new(flat, [lists * length]);
        let on_device = Tensor::<1, Int>::from_data(on_device, &self.device);
        let labels = self.labels.clone().select(0, on_device);
        let Shape { channels, .. } = self.shape;
        let extents = [lists, length * self.shape.positions(), channels];
        let images = match &self.store {
            Store::Bytes(bytes) => self.gather(bytes, indices, extents),
            Store::Words(words) => self.unpack(&words.rows(indices)).reshape(extents),
        };
        Batch { images, labels: labels.reshape([lists, length, 1]) }
    }

    /// Returns a batch of changed images: as [`batch`](Self::batch), with a change for every replica and image. A
    /// list of images that all replicas share becomes one per replica.
    pub(crate) fn changed_batch(&self, indices: &[Vec<usize>], changes: &[Vec<Change>]) -> Batch {
        let of_replica = |replica: usize| indices[replica.min(indices.len() - 1)].clone();
        let indices: Vec<Vec<usize>> = (0..changes.len()).map(of_replica).collect();
        let Batch { images, labels } = self.batch(&indices);
        let (extents, image) = (images.dims(), self.image);
        let (replicas, positions, channels) = (extents[0], image.positions(), image.channels);
        let rows = indices[0].len() * positions;
        let images = images.reshape([replicas * rows, channels]);
        let black = self.scale.apply(0);
        let sources = changes.iter().flatten().zip(0..).flat_map(|(change, number)| {
            let outside = replicas * rows;
            let row =
                move |source: Option<usize>| source.map_or(outside, |at| number * positions + at);
            change.sources(image).map(row)
        });
        let images = match self.store {
            Store::Bytes(_) => gather_rows(images, sources, black),
            Store::Words(_) => select_rows(images, sources, black),
        };
        Batch { images: images.reshape(extents), labels }
    }

    fn gather(&self, bytes: &[u8], indices: &[Vec<usize>], extents: [usize; 3]) -> Tensor<3> {
        let table: [f32; 256] = std::array::from_fn(|pixel| self.scale.apply(pixel as u8));
        let pixels = self.shape.numbers();
        let mut values = Vec::with_capacity(extents.iter().product());
        for &index in indices.iter().flatten() {
            let image = &bytes[index * pixels..(index + 1) * pixels];
            values.extend(image.iter().map(|&pixel| table[usize::from(pixel)]));
        }
        Tensor::from_data(TensorData::new(values, extents), &self.device)
    }

    /// `[image, word] → [image, pixel]`.
    fn unpack(&self, words: &Tensor<2, Int>) -> Tensor<2> {
        let [images, count] = words.dims();
        let bytes = (0..4).map(|byte| {
            let shifted = words.clone().bitwise_right_shift_scalar(8 * byte);
            shifted.bitwise_and_scalar(255).reshape([images, count, 1])
        });
        let pixels = Tensor::cat(bytes.collect(), 2).reshape([images, 4 * count]).float();
        let pixels = pixels.narrow(1, 0, self.shape.numbers());
        let PixelScale { mean, deviation } = self.scale;
        (pixels * (1.0 / (255.0 * deviation))).sub_scalar(mean / deviation)
    }
}

/// As [`gather_rows`], on the device.
fn select_rows(images: Tensor<2>, sources: impl Iterator<Item = usize>, outside: f32) -> Tensor<2> {
    let ([rows, channels], device) = (images.dims(), images.device());
    let ids: Vec<i32> = sources.map(|row| row as i32).collect();
    let outside = Tensor::full([1, channels], outside, &device);
    let all = Tensor::cat(vec![images, outside], 0);
    all.select(0, Tensor::from_data(TensorData::new(ids, [rows]), &device))
}

/// Gathers rows of `[row, channel]`. A row after the last one is `outside`.
fn gather_rows(images: Tensor<2>, sources: impl Iterator<Item = usize>, outside: f32) -> Tensor<2> {
    let ([rows, channels], device) = (images.dims(), images.device());
    let data = images.into_data();
    let values = data.as_slice::<f32>().unwrap_or_default();
    let mut gathered = Vec::with_capacity(values.len());
    for source in sources {
        match values.get(source * channels..(source + 1) * channels) {
            Some(row) => gathered.extend_from_slice(row),
            None => gathered.extend(std::iter::repeat_n(outside, channels)),
        }
    }
    Tensor::from_data(TensorData::new(gathered, [rows, channels]), &device)
}

impl Words {
    fn pack(images: &[u8], pixels: usize, block_bytes: usize, device: &Device) -> Self {
        let words_per_image = pixels.div_ceil(4);
        let images_per_block = (block_bytes / (4 * words_per_image)).max(1);
        let block = |images: &[u8]| {
            let words: Vec<i32> = images
                .chunks(pixels)
                .flat_map(|image| {
                    image.chunks(4).map(|bytes| {
                        let mut word = [0_u8; 4];
                        word[..bytes.len()].copy_from_slice(bytes);
                        i32::from_le_bytes(word)
                    })
                })
                .collect();
            let extents = [images.len() / pixels, words_per_image];
            Tensor::from_data(TensorData::new(words, extents), device)
        };
        let blocks = images.chunks(images_per_block * pixels).map(block).collect();
        Self { blocks, images_per_block }
    }

    /// Returns the images with the numbers `indices`, list after list, `[image, word]`.
    fn rows(&self, indices: &[Vec<usize>]) -> Tensor<2, Int> {
        let device = self.blocks[0].device();
        let ids = |values: Vec<i32>| {
            let count = values.len();
            Tensor::<1, Int>::from_data(TensorData::new(values, [count]), &device)
        };
        let flat: Vec<usize> = indices.iter().flatten().copied().collect();
        if let [only] = self.blocks.as_slice() {
            return only.clone().select(0, ids(flat.into_iter().map(|id| id as i32).collect()));
        }
        // Rows are read block by block. So the positions are sorted by block, and this order is undone at the end.
        let mut order: Vec<usize> = (0..flat.len()).collect();
        order.sort_by_key(|index| flat[*index] / self.images_per_block);
        let mut parts = Vec::new();
        for of_block in order.chunk_by(|a, b| self.block_of(flat[*a]) == self.block_of(flat[*b])) {
            let block = &self.blocks[self.block_of(flat[of_block[0]])];
            let local = of_block.iter().map(|index| (flat[*index] % self.images_per_block) as i32);
            parts.push(block.clone().select(0, ids(local.collect())));
        }
        let mut undo = vec![0; order.len()];
        for (row, index) in order.iter().enumerate() {
            undo[*index] = row as i32;
        }
        Tensor::cat(parts, 0).select(0, ids(undo))
    }

    fn block_of(&self, image: usize) -> usize {
        image / self.images_per_block
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Tolerance;

    use super::*;

    #[test]
    fn changed_images_are_the_same_from_memory_and_from_the_device() {
        let device = Device::flex();
        let image = Shape { height: 2, width: 3, channels: 2 };
        let split = Split { images: (0..36).collect(), labels: vec![0, 1, 2] };
        let scale = PixelScale { mean: 0.0, deviation: 1.0 / 255.0 };
        let words = Words::pack(&split.images, 12, BLOCK_BYTES, &device);
        let host = DeviceImages::upload(split, Shape::vector(12), scale, &device).of_images(image);
        let change = |shift, flip| Change { shift, flip };
        let changes =
            [vec![change([0, 0], false), change([1, -1], true)], vec![change([0, 0], true); 2]];
        let values = |images: &DeviceImages| -> Vec<u8> {
            // A list that both replicas share.
            let batch = images.changed_batch(&[vec![0, 2]], &changes);
            assert_eq!(batch.images.dims(), [2, 2, 12]);
            let values: Vec<f32> = batch.images.into_data().try_to_vec().unwrap();
            values.into_iter().map(|value| value.round() as u8).collect()
        };
        let from_host = values(&host);
        assert_eq!(from_host[..12], (0..12).collect::<Vec<u8>>());
        assert_eq!(from_host[12..24], [0, 0, 0, 0, 0, 0, 26, 27, 24, 25, 0, 0]);
        assert_eq!(from_host[24..36], [4, 5, 2, 3, 0, 1, 10, 11, 8, 9, 6, 7]);
        let on_device = DeviceImages { store: Store::Words(words), ..host };
        assert_eq!(values(&on_device), from_host);
    }

    #[test]
    fn packed_words_unpack_to_the_same_batch() {
        let device = Device::flex();
        let (pixels, count) = (6, 5);
        let images: Vec<u8> = (0..pixels * count).map(|i| (i * 37 % 256) as u8).collect();
        let split = Split { images: images.clone(), labels: vec![0, 1, 2, 3, 4] };
        let scale = PixelScale { mean: 0.3, deviation: 0.2 };
        let host = DeviceImages::upload(split.clone(), Shape::vector(pixels), scale, &device);
        // One block for all images, then two images per block.
        for block_bytes in [BLOCK_BYTES, 16] {
            let words = Words::pack(&images, pixels, block_bytes, &device);
            let split = split.clone();
            let packed = DeviceImages {
                store: Store::Words(words),
                ..DeviceImages::upload(split, Shape::vector(pixels), scale, &device)
            };
            let indices = [vec![4, 0, 0], vec![1, 2, 3]];
            let (from_host, from_words) = (host.batch(&indices), packed.batch(&indices));
            assert_eq!(from_host.images.dims(), [2, 3, 6]);
            let expected = from_host.images.into_data();
            from_words.images.into_data().assert_approx_eq::<f32>(&expected, Tolerance::default());
            let labels = from_words.labels.into_data().convert::<i32>();
            assert_eq!(labels.try_to_vec::<i32>().unwrap(), [4, 0, 0, 1, 2, 3]);
        }
    }
}
