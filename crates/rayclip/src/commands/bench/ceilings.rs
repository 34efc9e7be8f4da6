//! What a machine can do at best: the rate of a large product, the bandwidth of its memory, the latency of a kernel.

use std::time::Instant;

use anyhow::{anyhow, ensure};
use burn::tensor::{Device, Tensor};
use cs_solver::{Matrix, Operator};
use serde::Serialize;

/// The extent of the square matrices whose product is timed.
const SQUARE: usize = 1024;
/// Numbers of the tensor that is added to: 64 MiB, more than caches hold.
const NUMBERS: usize = 1 << 24;
/// How often each is timed; the fastest time counts.
const TIMES: usize = 20;

/// Rates of single operations. On a machine that others use, a run may exceed what was measured before it.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Ceilings {
    /// Floating-point operations per second of a product in f32 on the device.
    pub(crate) product_f32: f64,
    /// The same in f64 on the host.
    pub(crate) host_product_f64: f64,
    /// Bytes per second that an addition reads and writes on the device.
    pub(crate) bandwidth: f64,
    /// Seconds of an operation on one number, until the host has it.
    pub(crate) latency: f64,
}

impl Ceilings {
    /// Measures a device.
    ///
    /// # Errors
    /// The device fails, or computes wrong products.
    pub(crate) fn measure(device: &Device) -> anyhow::Result<Self> {
        let operations = 2.0 * (SQUARE * SQUARE * SQUARE) as f64;
        let entries: Vec<f64> = (0..SQUARE * SQUARE).map(|i| (i % 97) as f64 / 97.0).collect();
        let a = Matrix::from_rows(SQUARE, SQUARE, entries.clone())?;
        let mut product = vec![0.0; SQUARE * SQUARE];
        let host = fastest(|| {
            a.apply_transposed(&entries, &mut product);
            Ok(())
        })?;
        let a = Tensor::<2>::ones([SQUARE, SQUARE], device);
        let product = fastest(|| {
            // Reading the sum waits for the product.
            let sum = a.clone().matmul(a.clone()).sum().try_into_vec_as::<f32>();
            let sum = sum.map_err(|error| anyhow!("multiplying matrices: {error}"))?;
            let right = (SQUARE * SQUARE * SQUARE) as f32;
            ensure!(sum == [right], "the device computes wrong products: {sum:?} is not {right}");
            Ok(())
        })?;
        let sync = || device.sync().map_err(|error| anyhow!("waiting for the device: {error}"));
        let numbers = Tensor::<1>::ones([NUMBERS], device);
        let addition = fastest(|| {
            let _sum = numbers.clone() + 1.0;
            sync()
        })?;
        let one = Tensor::<1>::ones([1], device);
        let latency = fastest(|| {
            let read = (one.clone() + 1.0).try_into_vec_as::<f32>();
            read.map(drop).map_err(|error| anyhow!("adding numbers: {error}"))
        })?;
        Ok(Self {
            product_f32: operations / product,
            host_product_f64: operations / host,
            bandwidth: 2.0 * size_of::<f32>() as f64 * NUMBERS as f64 / addition,
            latency,
        })
    }
}

fn fastest(mut action: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let mut best = f64::INFINITY;
    for _ in 0..TIMES {
        let start = Instant::now();
        action()?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(best)
}
