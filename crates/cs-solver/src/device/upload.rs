//! Sends a batch to a device: in f32, with groups padded to the same number of columns.

use burn::tensor::{Device, Tensor, TensorData};

use crate::answer::Column;
use crate::error::SolverError;

/// The columns of every group, and their device. Products of the extents cannot overflow: the problem was checked.
pub(crate) struct Upload<'a> {
    columns: &'a [Vec<Column<'a>>],
    /// The number of columns of the largest group.
    width: usize,
    device: &'a Device,
}

impl<'a> Upload<'a> {
    pub(crate) fn new(columns: &'a [Vec<Column<'a>>], device: &'a Device) -> Self {
        let width = columns.iter().map(Vec::len).max().unwrap_or(0);
        Self { columns, width, device }
    }

    /// The number of columns of the largest group.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Returns one vector of length `length` per column, `[group, column, length]`; zeros if a group has fewer columns
    /// than the largest. `fill` gets the group, the number of the column in it, and the column.
    pub(crate) fn vectors(
        &self,
        length: usize,
        fill: impl Fn(usize, usize, &Column<'_>, &mut [f32]),
    ) -> Tensor<3> {
        let mut values = vec![0.0; self.columns.len() * self.width * length];
        for (group, columns) in self.columns.iter().enumerate() {
            let start = group * self.width * length;
            let targets = values[start..].chunks_mut(length);
            for (index, (column, target)) in columns.iter().zip(targets).enumerate() {
                fill(group, index, column, target);
            }
        }
        self.tensor(values, [self.columns.len(), self.width, length])
    }

    /// Returns one number per column, `[group, column, 1]`; 1 if a group has fewer columns.
    pub(crate) fn numbers(&self, number: impl Fn(usize, usize, &Column<'_>) -> f64) -> Tensor<3> {
        let mut values = vec![1.0; self.columns.len() * self.width];
        for (group, columns) in self.columns.iter().enumerate() {
            for (index, column) in columns.iter().enumerate() {
                values[group * self.width + index] = number(group, index, column) as f32;
            }
        }
        self.tensor(values, [self.columns.len(), self.width, 1])
    }

    /// Returns one matrix per group and its transpose, `[group, n, m]` and `[group, m, n]`.
    pub(crate) fn matrices(&self, entries: &[f64], n: usize, m: usize) -> [Tensor<3>; 2] {
        let groups = self.columns.len();
        let plain: Vec<f32> = entries.iter().map(|value| *value as f32).collect();
        let transposed: Vec<f32> = plain
            .chunks(n * m)
            .flat_map(|a| (0..m).flat_map(move |j| (0..n).map(move |i| a[i * m + j])))
            .collect();
        [self.tensor(plain, [groups, n, m]), self.tensor(transposed, [groups, m, n])]
    }

    /// Checks the sizes of the buffers.
    ///
    /// # Errors
    /// A tensor of this batch is larger than the device can bind.
    pub(crate) fn check_buffers(&self, n: usize, m: usize) -> Result<(), SolverError> {
        let Some(limit) = super::largest_buffer(self.device) else { return Ok(()) };
        let groups = self.columns.len();
        let bytes = |count: usize| count * size_of::<f32>();
        // A kernel needs two vectors of either kind, and two numbers, in one buffer.
        for (what, bytes) in [
            ("the matrix", bytes(groups * n * m)),
            ("the Gram matrix", bytes(groups * n.min(m) * n.min(m))),
            ("a batch of coefficients", bytes(groups * self.width * (2 * m + 2))),
            ("a batch of measurements", bytes(groups * self.width * 2 * n)),
        ] {
            if bytes > limit {
                return Err(SolverError::Buffer { what, bytes, limit });
            }
        }
        Ok(())
    }

    fn tensor(&self, values: Vec<f32>, extents: [usize; 3]) -> Tensor<3> {
        Tensor::from_data(TensorData::new(values, extents), self.device)
    }
}

/// Writes f64 values as f32.
pub(crate) fn copy(from: &[f64], to: &mut [f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from as f32;
    }
}
