//! The operations as loops over memory, for `flex`.
//!
//! One task handles one image of one replica. Sums over images are added in an order that does not depend on the
//! number of threads.

mod batch_norm;
mod conv;
mod depthwise;
mod max_pool;
mod vector;

use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::TensorData;
use rayon::prelude::*;

pub(crate) use batch_norm::{
    batch_moments, batch_norm, batch_norm_input_gradient, batch_norm_sums,
};
pub(crate) use conv::{conv, conv_input_gradient, conv_weight_gradient};
pub(crate) use depthwise::{depthwise, depthwise_input_gradient, depthwise_weight_gradient};
pub(crate) use max_pool::{max_pool, max_pool_gradient};

type Primitive = FloatTensor<Flex>;

/// The most partial sums over images, and the most numbers in all of them.
const PARTS: usize = 16;
const PART_ENTRIES: usize = 1 << 23;

/// The numbers of a tensor, and its extents: replicas (or 1), rows, columns.
struct Matrices {
    tensor: Primitive,
    replicas: usize,
    rows: usize,
    columns: usize,
}

impl Matrices {
    fn of(tensor: &Primitive) -> Self {
        let shape = tensor.shape();
        let (replicas, rows, columns) = (shape[0], shape[1], shape[2]);
        Self { tensor: tensor.to_contiguous(), replicas, rows, columns }
    }

    /// Returns rows of a replica, from the row `first`. All replicas share a tensor with one.
    fn rows(&self, replica: usize, first: usize, count: usize) -> &[f32] {
        let replica = if self.replicas == 1 { 0 } else { replica };
        let start = (replica * self.rows + first) * self.columns;
        &self.all()[start..start + count * self.columns]
    }

    /// Returns the matrix of a replica.
    fn matrix(&self, replica: usize) -> &[f32] {
        self.rows(replica, 0, self.rows)
    }

    #[expect(clippy::expect_used, reason = "the tensor was made contiguous")]
    fn all(&self) -> &[f32] {
        self.tensor.as_slice().expect("a contiguous tensor of f32 is one slice")
    }
}

fn tensor(values: Vec<f32>, extents: [usize; 3]) -> Primitive {
    Flex::float_from_data(TensorData::new(values, extents), &burn::backend::flex::FlexDevice)
}

/// Computes `columns · rows` numbers for every image of every replica, in parallel. `image(scratch, out, replica,
/// image)` fills those of one image; `scratch` has `extra` numbers.
fn for_each_image(
    [replicas, images, rows, columns]: [usize; 4],
    extra: usize,
    image: impl Fn(&mut [f32], &mut [f32], usize, usize) + Sync,
) -> Primitive {
    let mut values = vec![0.0; replicas * images * rows * columns];
    values.par_chunks_mut((rows * columns).max(1)).enumerate().for_each_init(
        || vec![0.0; extra],
        |scratch, (index, out)| image(scratch, out, index / images, index % images),
    );
    tensor(values, [replicas, images * rows, columns])
}

/// Adds numbers over all images of a replica, `[replica, rows, columns]`. `add(scratch, sum, replica, image)` adds
/// those of one image.
fn sum_over_images(
    [replicas, images, rows, columns]: [usize; 4],
    extra: usize,
    add: impl Fn(&mut [f32], &mut [f32], usize, usize) + Sync,
) -> Primitive {
    let entries = rows * columns;
    let parts = (PART_ENTRIES / entries.max(1)).clamp(2, PARTS).min(images.max(1));
    let of_part = images.div_ceil(parts);
    let sums: Vec<Vec<f32>> = (0..replicas * parts)
        .into_par_iter()
        .map_init(
            || vec![0.0; extra],
            |scratch, index| {
                let (replica, first) = (index / parts, index % parts * of_part);
                let mut sum = vec![0.0; entries];
                for image in first..images.min(first + of_part) {
                    add(scratch, &mut sum, replica, image);
                }
                sum
            },
        )
        .collect();
    let mut values = Vec::with_capacity(replicas * entries);
    for parts in sums.chunks(parts) {
        let (first, others) = parts.split_first().unwrap_or((&sums[0], &[]));
        let start = values.len();
        values.extend_from_slice(first);
        for other in others {
            vector::add(&mut values[start..], other);
        }
    }
    tensor(values, [replicas, rows, columns])
}
