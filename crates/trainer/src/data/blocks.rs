//! The images of a split as tensors on a device.

use burn::tensor::kind::Basic;
use burn::tensor::{Device, Float, Int, Tensor, TensorData};

/// Bytes of a block: half of the binding size that every WebGPU adapter must support.
pub(super) const BLOCK_BYTES: usize = 64 << 20;

/// Blocks of images with 32-bit words: floats, or four pixels each, the first pixel in the lowest byte.
pub(super) struct Blocks<K: Basic> {
    /// `[image, word]`; all blocks but the last have `images_per_block` images.
    blocks: Vec<Tensor<2, K>>,
    images_per_block: usize,
}

impl Blocks<Int> {
    /// Packs images of `pixels` bytes.
    pub(super) fn pack(images: &[u8], pixels: usize, block_bytes: usize, device: &Device) -> Self {
        let words_of_image = |image: &[u8]| -> Vec<i32> {
            let word = |bytes: &[u8]| {
                let mut word = [0_u8; 4];
                word[..bytes.len()].copy_from_slice(bytes);
                i32::from_le_bytes(word)
            };
            image.chunks(4).map(word).collect()
        };
        let words_per_image = pixels.div_ceil(4);
        let images_per_block = images_per_block(words_per_image, block_bytes);
        let block = |images: &[u8]| {
            let words: Vec<i32> = images.chunks(pixels).flat_map(words_of_image).collect();
            let extents = [images.len() / pixels, words_per_image];
            Tensor::from_data(TensorData::new(words, extents), device)
        };
        let blocks = images.chunks(images_per_block * pixels).map(block).collect();
        Self { blocks, images_per_block }
    }
}

impl Blocks<Float> {
    /// Copies images of `numbers` floats.
    pub(super) fn copy(
        images: &[f32],
        numbers: usize,
        block_bytes: usize,
        device: &Device,
    ) -> Self {
        let images_per_block = images_per_block(numbers, block_bytes);
        let block = |images: &[f32]| {
            let extents = [images.len() / numbers, numbers];
            Tensor::from_data(TensorData::new(images.to_vec(), extents), device)
        };
        let blocks = images.chunks(images_per_block * numbers).map(block).collect();
        Self { blocks, images_per_block }
    }
}

/// Returns how many images of this many words are in a block.
fn images_per_block(words: usize, block_bytes: usize) -> usize {
    (block_bytes / (4 * words)).max(1)
}

impl<K: Basic> Blocks<K> {
    /// Returns the images with the numbers `indices`, list after list, `[image, word]`.
    pub(super) fn rows(&self, indices: &[Vec<usize>]) -> Tensor<2, K> {
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
